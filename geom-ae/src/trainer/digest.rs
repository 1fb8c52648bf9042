use sha2::Sha256;

/// A SHA-256 of several pieces, in hexadecimal.
///
/// # Examples
/// ```
/// let digest = geom_ae::trainer::Digest::new().with(b"a").with(b"bc").finish();
/// assert!(digest.starts_with("ba7816bf") && digest.len() == 64);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Digest(Sha256);

impl Digest {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of one more piece; pieces are joined without a mark between them.
    #[must_use]
    pub fn with(mut self, bytes: impl AsRef<[u8]>) -> Self {
        sha2::Digest::update(&mut self.0, bytes);
        self
    }

    /// The digest, 64 hexadecimal digits.
    pub fn finish(self) -> String {
        sha2::Digest::finalize(self.0)
            .iter()
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}
