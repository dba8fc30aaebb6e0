//! Which of an index's images fits a machine.

use std::{fmt, str::FromStr};

/// An operating system, an architecture and its variant, as Go and therefore the image specification names them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, ...
    pub architecture: String,
    /// `v7`, `v8`, ...; only some architectures have any.
    pub variant: Option<String>,
}

/// Text that is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is an invalid platform: write it as os/architecture or os/architecture/variant, such as linux/amd64")]
pub struct InvalidPlatform(String);

impl Platform {
    /// The platform this program was compiled for.
    #[must_use]
    pub fn native() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self::new("linux", architecture, None)
    }

    /// The platform of these words, with other spellings brought to Go's (`x86_64` is `amd64`).
    #[must_use]
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let (os, architecture) = (os.to_lowercase(), architecture.to_lowercase());
        let variant = variant.map(str::to_lowercase).filter(|v| !v.is_empty());
        let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64", _) => ("amd64".into(), variant),
            ("i386" | "i486" | "i586" | "i686", _) => ("386".into(), None),
            ("aarch64" | "arm64", None | Some("v8" | "8")) => ("arm64".into(), None),
            ("aarch64", _) => ("arm64".into(), variant),
            ("armhf", _) | ("arm", None | Some("7")) => ("arm".into(), Some("v7".into())),
            ("armel", _) => ("arm".into(), Some("v6".into())),
            ("arm", Some(v @ ("5" | "6" | "8"))) => ("arm".into(), Some(format!("v{v}"))),
            _ => (architecture, variant),
        };
        let variant = variant.filter(|v| !(architecture == "amd64" && v == "v1"));
        Self { os, architecture, variant }
    }

    /// How well an image for `offered` runs here: `None` not at all, else the higher the better.
    #[must_use]
    pub fn suits(&self, offered: &Self) -> Option<u8> {
        if self.os != offered.os || self.architecture != offered.architecture {
            return None;
        }
        if self.variant == offered.variant {
            return Some(u8::MAX);
        }
        let own = variant_level(&self.architecture, self.variant.as_deref())?;
        let other = variant_level(&self.architecture, offered.variant.as_deref())?;
        // An older variant runs on a newer machine, never the other way round.
        (other <= own).then_some(other)
    }
}

/// The generation of a variant; the absent one is the oldest of its architecture that is still common.
fn variant_level(architecture: &str, variant: Option<&str>) -> Option<u8> {
    match (architecture, variant) {
        ("arm", None) => Some(7),
        ("arm64", None) => Some(8),
        ("amd64", None) => Some(1),
        (_, Some(v)) => v.strip_prefix('v')?.parse().ok(),
        _ => None,
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let parts: Vec<&str> = text.split('/').collect();
        let word = |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        if !parts.iter().all(word) {
            return Err(InvalidPlatform(text.to_owned()));
        }
        match parts.as_slice() {
            ["linux"] => Ok(Self::native()),
            [os, architecture] => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Self::new(os, architecture, Some(variant))),
            _ => Err(InvalidPlatform(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn spellings_are_brought_to_one() {
        for (text, canonical) in [
            ("linux/x86_64", "linux/amd64"),
            ("Linux/AMD64", "linux/amd64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
        ] {
            assert_eq!(platform(text).to_string(), canonical);
        }
        for text in ["", "linux/", "a/b/c/d", "linux/amd 64"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_older_variant_runs_on_a_newer_machine_only() {
        assert_eq!(platform("linux/arm/v7").suits(&platform("linux/arm/v6")), Some(6));
        assert_eq!(platform("linux/arm/v6").suits(&platform("linux/arm/v7")), None);
        assert_eq!(platform("linux/amd64").suits(&platform("linux/amd64/v3")), None);
        assert_eq!(platform("linux/amd64").suits(&platform("windows/amd64")), None);
        assert_eq!(platform("linux/amd64").suits(&platform("linux/amd64")), Some(u8::MAX));
    }
}
