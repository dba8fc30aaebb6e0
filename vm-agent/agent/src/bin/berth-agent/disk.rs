//! The data disk. A blank one gets a filesystem, a grown one is grown into, and anything that is neither is left as it is:
//! the machine stops with a sentence rather than touch data it does not understand.

mod format;
mod superblock;

use crate::children::{Children, Ended};
use nix::mount::{MsFlags, mount};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use superblock::{BLOCK, Content, Filesystem, HEAD_LEN};

/// Where the disk is mounted.
pub(crate) const PLACE: &str = "/data";
/// The disk, as the kernel names the first virtio disk.
pub(crate) const DEVICE: &str = "/dev/vda";
/// Where a new filesystem is drafted, in memory.
const DRAFT: &str = "/run/berth/data-disk.draft";
/// How long the kernel may take to show the disk.
const APPEAR: Duration = Duration::from_secs(5);
/// `e2fsck` has repaired everything at or below this exit code (e2fsck(8)).
const REPAIRED: i32 = 1;
/// Where copies of the superblock may be, bytes: block groups 1, 3, 5 of 128 MiB, as `mkfs.ext4` makes them from 512 MiB on.
const COPIES: [u64; 3] = [128 << 20, 384 << 20, 640 << 20];

/// Why there is no data disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    /// It never appeared.
    #[error("the machine has no disk {DEVICE}; its definition is damaged, run: berth down, berth up")]
    Absent,
    /// It cannot be read.
    #[error("the data disk cannot be read; look at the host's disk for errors")]
    Read(#[source] std::io::Error),
    /// It cannot be written.
    #[error("the data disk cannot be written; free some space on the host's disk and look there for errors")]
    Write(#[source] std::io::Error),
    /// It holds something else.
    #[error(
        "the data disk holds {0}; it was left untouched: put the right file in its place, or move it away to begin anew"
    )]
    Foreign(String),
    /// It is smaller than its filesystem.
    #[error(
        "the data disk has {device} bytes but its filesystem needs {filesystem}; it was cut off: restore the whole file"
    )]
    Truncated { device: u64, filesystem: u64 },
    /// A program failed.
    #[error("{program} failed on the data disk ({code}): {said}")]
    Program { program: &'static str, code: String, said: String },
    /// A program could not be run.
    #[error("{program} cannot be run")]
    Run { program: &'static str, source: std::io::Error },
    /// It cannot be mounted.
    #[error(
        "the data disk cannot be mounted; it was left untouched: keep a copy of its file, then check it with e2fsck"
    )]
    Mount(#[source] nix::Error),
}

/// What is to be done with a disk.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// Blank, or a machine died while it was made ready: make a filesystem.
    Format { size: u64, zeroed: bool },
    /// Ours: mount it, after a check when it carries the mark of an error; then grow it when the disk is larger.
    Use { check: bool, grow: bool },
}

/// Makes the data disk ready at [`PLACE`].
pub(crate) fn attach(children: &Children) -> Result<(), DiskError> {
    let device = Path::new(DEVICE);
    wait_for(device)?;
    let plan = look(device)?;
    let (check, grow) = match plan {
        Plan::Format { size, zeroed } => {
            format::format(children, device, Path::new(DRAFT), size, zeroed)?;
            (false, false)
        }
        Plan::Use { check, grow } => (check, grow),
    };
    if check {
        run(children, "e2fsck", Command::new("/usr/sbin/e2fsck").args(["-f", "-p"]).arg(device), REPAIRED)?;
    }
    // No MS_NOSUID: volumes are bound from here into containers, where set-user-id programs are the container's affair.
    let options = "discard,errors=remount-ro";
    mount(Some(device), PLACE, Some("ext4"), MsFlags::MS_NODEV | MsFlags::MS_NOATIME, Some(options))
        .map_err(DiskError::Mount)?;
    if grow {
        run(children, "resize2fs", Command::new("/usr/sbin/resize2fs").arg(device), 0)?;
    }
    Ok(())
}

/// The node is there a moment before the disk behind it answers.
fn wait_for(device: &Path) -> Result<(), DiskError> {
    let deadline = Instant::now() + APPEAR;
    loop {
        match File::open(device) {
            Ok(_) => return Ok(()),
            Err(error) if !matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENXIO)) => {
                return Err(DiskError::Read(error));
            }
            Err(_) if Instant::now() >= deadline => return Err(DiskError::Absent),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn look(device: &Path) -> Result<Plan, DiskError> {
    let mut file = File::open(device).map_err(DiskError::Read)?;
    let size = file.seek(SeekFrom::End(0)).map_err(DiskError::Read)?;
    let mut content = superblock::read(&read_at(&mut file, 0, BLOCK)?);
    if content == Content::Blank {
        content = superblock::read(&read_at(&mut file, 0, HEAD_LEN)?);
    }
    let copy_found = || -> Result<bool, DiskError> {
        for at in COPIES.into_iter().filter(|at| at + 4096 <= size) {
            if superblock::is_copy(&read_at(&mut file, at, 4096)?) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    plan(size, content, copy_found)
}

fn read_at(file: &mut File, at: u64, len: usize) -> Result<Vec<u8>, DiskError> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at)).map_err(DiskError::Read)?;
    file.take(len as u64).read_to_end(&mut bytes).map_err(DiskError::Read)?;
    Ok(bytes)
}

/// What to do with a disk of `size` bytes that begins with `content`.
fn plan(size: u64, content: Content, copy_found: impl FnOnce() -> Result<bool, DiskError>) -> Result<Plan, DiskError> {
    match content {
        Content::Blank if copy_found()? => {
            Err(DiskError::Foreign("a filesystem whose beginning was wiped out (e2fsck -b 32768 may repair it)".into()))
        }
        Content::Blank => Ok(Plan::Format { size, zeroed: true }),
        Content::Unfinished => Ok(Plan::Format { size, zeroed: false }),
        Content::Other => Err(DiskError::Foreign("something that is no ext4 filesystem".into())),
        Content::Ext4(Filesystem { label, .. }) if label != superblock::LABEL => {
            Err(DiskError::Foreign(format!("an ext4 filesystem labelled `{label}`, not `{}`", superblock::LABEL)))
        }
        Content::Ext4(fs) if fs.bytes > size => Err(DiskError::Truncated { device: size, filesystem: fs.bytes }),
        // A rest smaller than a block is never used.
        Content::Ext4(fs) => Ok(Plan::Use { check: fs.has_errors, grow: size - fs.bytes >= fs.block_size }),
    }
}

fn run(children: &Children, program: &'static str, command: &mut Command, worst: i32) -> Result<(), DiskError> {
    let Ended { status, stderr } = children.run(command).map_err(|source| DiskError::Run { program, source })?;
    match status.code() {
        Some(code) if code <= worst => Ok(()),
        _ => Err(DiskError::Program { program, code: status.to_string(), said: stderr }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn ours(bytes: u64) -> Content {
        Content::Ext4(Filesystem { bytes, block_size: 4096, label: superblock::LABEL.into(), has_errors: false })
    }

    fn plan_of(size: u64, content: Content) -> Result<Plan, DiskError> {
        plan(size, content, || Ok(false))
    }

    #[test]
    fn only_a_blank_disk_is_formatted() {
        assert_eq!(plan_of(GIB, Content::Blank).unwrap(), Plan::Format { size: GIB, zeroed: true });
        assert_eq!(plan_of(GIB, Content::Unfinished).unwrap(), Plan::Format { size: GIB, zeroed: false });
        assert!(matches!(plan_of(GIB, Content::Other), Err(DiskError::Foreign(_))));
        assert!(matches!(plan(GIB, Content::Blank, || Ok(true)), Err(DiskError::Foreign(_))));
        let stranger =
            Content::Ext4(Filesystem { bytes: GIB, block_size: 4096, label: "root".into(), has_errors: false });
        assert!(plan_of(GIB, stranger).unwrap_err().to_string().contains("`root`"));
    }

    #[test]
    fn a_grown_disk_is_grown_into_and_a_cut_one_is_refused() {
        assert_eq!(plan_of(GIB, ours(GIB)).unwrap(), Plan::Use { check: false, grow: false });
        assert_eq!(plan_of(GIB + 512, ours(GIB)).unwrap(), Plan::Use { check: false, grow: false });
        assert_eq!(plan_of(2 * GIB, ours(GIB)).unwrap(), Plan::Use { check: false, grow: true });
        assert!(matches!(plan_of(GIB, ours(2 * GIB)), Err(DiskError::Truncated { .. })));
    }

    #[test]
    fn a_filesystem_with_an_error_mark_is_checked_before_it_is_mounted() {
        let marked = Content::Ext4(Filesystem {
            bytes: GIB,
            block_size: 4096,
            label: superblock::LABEL.into(),
            has_errors: true,
        });
        assert_eq!(plan_of(GIB, marked).unwrap(), Plan::Use { check: true, grow: false });
    }

    /// One test, since only one thread of a process can wait for all its children.
    #[test]
    fn a_disk_is_made_once_recognised_and_made_again_only_when_that_was_interrupted() {
        if !Path::new("/usr/sbin/mkfs.ext4").exists() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (path, draft) = (dir.path().join("disk"), dir.path().join("draft"));
        let file = File::create(&path).unwrap();
        file.set_len(GIB).unwrap();
        assert_eq!(look(&path).unwrap(), Plan::Format { size: GIB, zeroed: true });
        for zeroed in [true, false] {
            crate::children::tests::with_reaper(|children| format::format(children, &path, &draft, GIB, zeroed))
                .unwrap();
            assert_eq!(look(&path).unwrap(), Plan::Use { check: false, grow: false });
            assert!(!draft.exists());
            let checked = crate::children::tests::with_reaper(|children| {
                run(children, "e2fsck", Command::new("/usr/sbin/e2fsck").args(["-f", "-n"]).arg(&path), 0)
            });
            assert!(checked.is_ok(), "{checked:?}");
        }
        file.set_len(2 * GIB).unwrap();
        assert_eq!(look(&path).unwrap(), Plan::Use { check: false, grow: true });
        std::os::unix::fs::FileExt::write_all_at(&file, superblock::MARK, 0).unwrap();
        assert_eq!(look(&path).unwrap(), Plan::Use { check: false, grow: true }, "a whole superblock counts more");
        std::os::unix::fs::FileExt::write_all_at(&file, &[0; 4096 - 32], 32).unwrap();
        assert_eq!(look(&path).unwrap(), Plan::Format { size: 2 * GIB, zeroed: false });
        std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; HEAD_LEN], 0).unwrap();
        assert!(matches!(look(&path), Err(DiskError::Foreign(_))));
    }
}
