//! `--mount`: comma separated `key=value` (docker CLI `opts/mount.go`).

use crate::error::Error;
use serde::{Deserialize, Serialize};

/// One mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// `volume`, `bind` or `tmpfs`.
    pub kind: String,
    /// Volume or path; empty for an anonymous volume and a tmpfs.
    pub source: String,
    /// Absolute path in the container.
    pub target: String,
    /// Refuses writes.
    pub read_only: bool,
    /// Bind: the propagation type.
    pub propagation: Option<String>,
    /// Bind: leaves out what is mounted below the source.
    pub non_recursive: bool,
    /// Bind: `enabled`, `writable` or `readonly`: how far it is read-only.
    pub recursive: Option<String>,
    /// Volume: is not filled from the image.
    pub no_copy: bool,
    /// Volume: the folder in it that is mounted.
    pub subpath: Option<String>,
    /// Volume: the driver of one that is made.
    pub driver: Option<String>,
    /// Volume: options of that driver.
    pub driver_options: Vec<(String, String)>,
    /// Volume: labels.
    pub labels: Vec<(String, String)>,
    /// Tmpfs: bytes.
    pub tmpfs_size: Option<i64>,
    /// Tmpfs: file mode of its root.
    pub tmpfs_mode: Option<i64>,
}

/// Parses one `--mount` argument.
///
/// # Errors
/// [`Error::Invalid`] in docker's words.
pub fn mount(text: &str) -> Result<MountSpec, Error> {
    let bad = |why: String| Err(Error::Invalid(why));
    let mut spec = MountSpec { kind: "volume".into(), ..MountSpec::default() };
    for field in text.split(',') {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_ascii_lowercase(), Some(value)),
            None => (field.to_ascii_lowercase(), None),
        };
        let truth = || match value {
            None | Some("1" | "true" | "t") => Ok(true),
            Some("0" | "false" | "f") => Ok(false),
            Some(value) => Err(Error::Invalid(format!("invalid value for {key}: {value}"))),
        };
        match key.as_str() {
            "readonly" | "ro" => spec.read_only = truth()?,
            "volume-nocopy" => spec.no_copy = truth()?,
            "bind-nonrecursive" => spec.non_recursive = truth()?,
            _ => {
                let Some(value) = value else {
                    return bad(format!("invalid field '{field}' must be a key=value pair"));
                };
                spec.set(&key, value, field)?;
            }
        }
    }
    if spec.target.is_empty() {
        return bad("target is required".into());
    }
    if let Some(reach) = spec.recursive.as_deref().filter(|_| !spec.read_only) {
        return bad(format!("option 'bind-recursive={reach}' requires 'readonly' to be specified in conjunction"));
    }
    if spec.recursive.as_deref() == Some("readonly") && spec.propagation.as_deref() != Some("rprivate") {
        return bad(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"
                .into(),
        );
    }
    for (prefix, kind, is_set) in [
        ("bind", "bind", spec.propagation.is_some() || spec.non_recursive || spec.recursive.is_some()),
        ("volume", "volume", spec.has_volume_options()),
        ("tmpfs", "tmpfs", spec.tmpfs_size.is_some() || spec.tmpfs_mode.is_some()),
    ] {
        if is_set && spec.kind != kind {
            return bad(format!("cannot mix '{prefix}-*' options with mount type '{}'", spec.kind));
        }
    }
    Ok(spec)
}

impl MountSpec {
    pub(super) fn has_volume_options(&self) -> bool {
        self.no_copy
            || self.subpath.is_some()
            || self.driver.is_some()
            || !self.driver_options.is_empty()
            || !self.labels.is_empty()
    }

    fn set(&mut self, key: &str, value: &str, field: &str) -> Result<(), Error> {
        let invalid = || Error::Invalid(format!("invalid value for {key}: {value}"));
        match key {
            "type" => self.kind = value.to_ascii_lowercase(),
            "source" | "src" => self.source = value.into(),
            "target" | "dst" | "destination" => self.target = value.into(),
            "bind-propagation" => self.propagation = Some(value.to_ascii_lowercase()),
            "bind-recursive" => match value {
                "enabled" => {}
                "disabled" => self.non_recursive = true,
                "writable" | "readonly" => self.recursive = Some(value.into()),
                _ => {
                    return Err(Error::Invalid(format!(
                        "invalid value for {key}: {value} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
                    )));
                }
            },
            "volume-label" => {
                let (name, label) = value.split_once('=').unwrap_or((value, ""));
                self.labels.push((name.into(), label.into()));
            }
            "tmpfs-size" => self.tmpfs_size = Some(crate::run::quantity::bytes(value).map_err(|_| invalid())?),
            "tmpfs-mode" => self.tmpfs_mode = Some(i64::from_str_radix(value, 8).map_err(|_| invalid())?),
            "volume-subpath" => self.subpath = Some(value.into()),
            "volume-driver" => self.driver = Some(value.into()),
            "volume-opt" => {
                let (name, option) = value.split_once('=').unwrap_or((value, ""));
                self.driver_options.push((name.into(), option.into()));
            }
            // A hint for another system's file sharing, as in docker.
            "consistency" => {}
            "image-subpath" => {
                return Err(Error::Invalid("image-subpath is not supported by Berth yet: leave it out".into()));
            }
            _ => return Err(Error::Invalid(format!("unexpected key '{key}' in '{field}'"))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_dockers() {
        let spec =
            mount("type=bind,src=/proc,dst=/p,readonly,bind-propagation=rprivate,bind-recursive=readonly").unwrap();
        assert_eq!((spec.kind.as_str(), spec.source.as_str(), spec.target.as_str()), ("bind", "/proc", "/p"));
        assert_eq!((spec.propagation.as_deref(), spec.recursive.as_deref()), (Some("rprivate"), Some("readonly")));
        let spec = mount("type=volume,src=d,dst=/d,volume-subpath=a/b,volume-opt=o=bind,consistency=cached").unwrap();
        assert_eq!((spec.subpath.as_deref(), spec.driver_options[0].1.as_str()), (Some("a/b"), "bind"));
        let spec = mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700").unwrap();
        assert_eq!((spec.tmpfs_size, spec.tmpfs_mode), (Some(1 << 20), Some(0o700)));
        assert_eq!(mount("source=data,target=/d,volume-nocopy").unwrap().kind, "volume");
        let said = |text: &str| mount(text).unwrap_err().to_string();
        assert_eq!(said("type=volume"), "target is required");
        assert_eq!(said("what"), "invalid field 'what' must be a key=value pair");
        assert_eq!(said("what=x"), "unexpected key 'what' in 'what=x'");
        assert_eq!(
            said("type=bind,src=/proc,dst=/p,bind-recursive=writable"),
            "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"
        );
        assert_eq!(
            said("type=bind,src=/proc,dst=/p,ro,bind-recursive=readonly"),
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"
        );
        assert_eq!(said("type=tmpfs,target=/t,volume-nocopy"), "cannot mix 'volume-*' options with mount type 'tmpfs'");
    }
}
