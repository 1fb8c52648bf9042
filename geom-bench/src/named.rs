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

/// An enum of another crate that is chosen by name here.
pub(crate) trait Choice: Sized {
    /// What is chosen, for messages.
    const WHAT: &'static str;

    /// Every name and what it stands for.
    fn all() -> Vec<(&'static str, Self)>;
}

/// What a name stands for.
pub(crate) fn choose<T: Choice>(name: &str) -> Result<T, Error> {
    let known: Vec<&'static str> = T::all().into_iter().map(|(name, _)| name).collect();
    let chosen = T::all().into_iter().find(|(known, _)| *known == name);
    chosen
        .map(|(_, value)| value)
        .ok_or_else(|| unknown(T::WHAT, name, &known))
}

/// For serde: an optional setting that is [chosen](choose) by name.
pub(crate) fn chosen<'de, T: Choice, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let name = <String as serde::Deserialize>::deserialize(deserializer)?;
    choose(&name).map(Some).map_err(serde::de::Error::custom)
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
