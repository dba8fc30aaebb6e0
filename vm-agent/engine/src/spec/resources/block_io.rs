//! Block I/O: weights and rates, by device number.

use crate::{
    Error, Result,
    container::{Resources, ThrottleDevice},
};
use serde_json::{Map, Value, json};
use std::io;

/// Docker's range of weights.
const WEIGHTS: std::ops::RangeInclusive<u16> = 10..=1000;

/// `linux.resources.blockIO`; empty when nothing is asked.
///
/// # Errors
/// A device that is not there, as docker tells it.
pub(super) fn of(asked: &Resources) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    if let Some(weight) = asked.blkio_weight.filter(|weight| *weight != 0) {
        all.insert("weight".to_owned(), json!(weight));
    }
    let mut weights = Vec::new();
    for device in &asked.blkio_weight_devices {
        let (major, minor) = number(&device.path)?;
        weights.push(json!({ "major": major, "minor": minor, "weight": device.weight }));
    }
    if !weights.is_empty() {
        all.insert("weightDevice".to_owned(), weights.into());
    }
    for (key, devices) in rates(asked) {
        let mut list = Vec::new();
        for device in devices {
            let (major, minor) = number(&device.path)?;
            list.push(json!({ "major": major, "minor": minor, "rate": device.rate }));
        }
        if !list.is_empty() {
            all.insert(key.to_owned(), list.into());
        }
    }
    Ok(all)
}

/// Refuses weights out of range and devices that are not there.
///
/// # Errors
/// One sentence for the user.
pub(super) fn check(asked: &Resources) -> Result<()> {
    let devices = asked.blkio_weight_devices.iter().map(|device| device.weight);
    let all = asked.blkio_weight.filter(|weight| *weight != 0).into_iter().chain(devices);
    if all.into_iter().any(|weight| !WEIGHTS.contains(&weight)) {
        return Err(Error::InvalidParameter("Range of blkio weight is from 10 to 1000".to_owned()));
    }
    of(asked).map(drop)
}

fn rates(asked: &Resources) -> [(&'static str, &[ThrottleDevice]); 4] {
    [
        ("throttleReadBpsDevice", &asked.blkio_read_bps),
        ("throttleWriteBpsDevice", &asked.blkio_write_bps),
        ("throttleReadIOPSDevice", &asked.blkio_read_iops),
        ("throttleWriteIOPSDevice", &asked.blkio_write_iops),
    ]
}

/// A device's number. The path names a file of the machine, which only its own system makes in `/dev`.
fn number(path: &str) -> Result<(u32, u32)> {
    let bad = |why: String| Error::InvalidParameter(why);
    if !path.starts_with("/dev/") || path.split('/').any(|part| part == "..") {
        return Err(bad(format!("bad format for device path: {path}; give a device of the machine, such as /dev/vda")));
    }
    let stat = rustix::fs::stat(path).map_err(|e| {
        let text = io::Error::from(e).to_string();
        bad(format!("stat {path}: {}", text.split(" (os error").next().unwrap_or_default().to_lowercase()))
    })?;
    if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::BlockDevice {
        return Err(bad(format!("{path} is not a block device")));
    }
    Ok((rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::WeightDevice;

    #[test]
    fn weights_and_devices_are_judged() {
        let said = |asked: Resources| check(&asked).unwrap_err().to_string();
        let weight = |weight| Resources { blkio_weight: Some(weight), ..Resources::default() };
        assert_eq!(said(weight(9)), "Range of blkio weight is from 10 to 1000");
        assert_eq!(of(&weight(500)).unwrap()["weight"], json!(500));
        let rate = |path: &str| Resources {
            blkio_read_bps: vec![ThrottleDevice { path: path.into(), rate: 1 }],
            ..Resources::default()
        };
        assert_eq!(said(rate("/dev/nope")), "stat /dev/nope: no such file or directory");
        assert_eq!(said(rate("/dev/null")), "/dev/null is not a block device");
        assert!(said(rate("/dev/../etc/passwd")).starts_with("bad format for device path: "));
        let device = WeightDevice { path: "/dev/null".into(), weight: 5 };
        assert!(said(Resources { blkio_weight_devices: vec![device], ..Resources::default() }).starts_with("Range"));
        assert!(of(&Resources::default()).unwrap().is_empty());
    }
}
