//! Settings that are chosen by name: the enum, its names, and the error that knows the nearest one.

use crate::Error;

/// The known name nearest to a misspelt one, by Jaro–Winkler similarity (which favours a common beginning).
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> &'a str {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, candidate), candidate))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map_or("", |(_, candidate)| candidate)
}

/// The error for a name that is not among the known ones.
pub(crate) fn unknown(what: &'static str, name: &str, known: &[&'static str]) -> Error {
    Error::UnknownName {
        what,
        name: name.to_owned(),
        nearest: nearest(name, known.iter().copied()),
        known: known.join(", "),
    }
}

/// Declares an enum whose variants have names: `ALL`, `name`, `Display`, `FromStr` and serde as that name.
macro_rules! named_enum {
    ($(#[$meta:meta])* $kind:ident, $what:literal { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $kind { $($(#[$doc])* $variant,)+ }

        impl $kind {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name used on the command line and in files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $kind {
            type Err = $crate::Error;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::named::unknown($what, name, &[$($name),+])),
                }
            }
        }

        impl TryFrom<String> for $kind {
            type Error = $crate::Error;

            fn try_from(name: String) -> Result<Self, Self::Error> {
                name.parse()
            }
        }

        impl From<$kind> for &'static str {
            fn from(value: $kind) -> Self {
                value.name()
            }
        }
    };
}

pub(crate) use named_enum;

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_the_one_a_reader_would_guess() {
        let known = ["digits", "swiss-roll", "swiss-roll-hole", "geomae", "ae"];
        for (typed, meant) in [
            ("digit", "digits"),
            ("Digits", "digits"),
            ("swissroll", "swiss-roll"),
            ("geo", "geomae"),
            ("AE", "ae"),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
        assert_eq!(nearest("x", []), "");
    }
}
