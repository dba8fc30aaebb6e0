//! The copy of a database that takes its place.

use crate::{DatabaseError, is_blank, look_through, room};
use rusqlite::Connection;
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    time::Duration,
};

/// Changes that come so soon behind each other are copied together.
const PAUSE: Duration = Duration::from_secs(2);

/// Has a thread write the spare of the database at `path` after its changes, for as long as its connection `db` is open,
/// and keep room for its log. While the disk is almost full the spare waits.
/// Each time a copy is due, `with` is to lend the connection; it gives `false` when that is gone.
///
/// # Errors
/// When the connection cannot be watched or there is no thread.
pub fn keep_spare(
    db: &mut Connection,
    path: &Path,
    with: impl Fn(&mut dyn FnMut(&mut Connection)) -> bool + Send + 'static,
) -> Result<(), DatabaseError> {
    let (changed, changes) = sync_channel(1);
    // One that is older than this start is copied too.
    changed.try_send(()).ok();
    db.commit_hook(Some(move || {
        // Full: a copy is due already.
        changed.try_send(()).ok();
        false
    }))?;
    let no_thread = failed(path);
    let path = path.to_owned();
    take_room(&path);
    let keep = move || {
        // The connection, and the sender with it, goes away when the database is closed.
        while changes.recv().is_ok() && wait_for_room(&changes, &path) {
            let mut copy = Ok(Vec::new());
            if !with(&mut |db| copy = copy_of(db, &path)) {
                return;
            }
            let spare = spare_of(&path);
            if let Err(error) = copy.and_then(|copy| put(&spare, &copy).map_err(failed(&spare))) {
                tracing::warn!("the spare of {} could not be written: {error}", path.display());
            }
        }
    };
    std::thread::Builder::new().name("spare".to_owned()).spawn(keep).map(drop).map_err(no_thread)
}

/// Waits for what else changes soon, and until the disk has room for a copy; `false` when the database was closed.
fn wait_for_room(changes: &Receiver<()>, path: &Path) -> bool {
    let mut told = false;
    loop {
        std::thread::sleep(PAUSE);
        if matches!(changes.try_recv(), Err(TryRecvError::Disconnected)) {
            return false;
        }
        if room::is_enough(path.parent().unwrap_or(path)).unwrap_or(true) {
            return true;
        }
        if !told {
            tracing::warn!("the disk is almost full: the spare of {} waits", path.display());
        }
        told = true;
    }
}

/// A log without room of its own works as long as the disk has some.
fn take_room(path: &Path) {
    if let Err(error) = room::take(&with_suffix(path, "-wal")) {
        tracing::warn!("the log of {} has no room of its own: {error}", path.display());
    }
}

/// All of it as a file would have it. The log is emptied into the file first, where it is safe from being cut short.
fn copy_of(db: &mut Connection, path: &Path) -> Result<Vec<u8>, DatabaseError> {
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    take_room(path);
    Ok(db.serialize(c"main")?.to_vec())
}

/// Whether there is a spare that somebody has put a format into.
pub(crate) fn is_good(path: &Path) -> bool {
    looked_at(&spare_of(path)).and_then(|db| is_blank(&db)).is_ok_and(|blank| !blank)
}

/// Moves a damaged database aside and puts its spare there, if that is good.
pub(crate) fn take_place(path: &Path, aside: &Path) -> Result<(), DatabaseError> {
    if !is_good(path) {
        return Err(DatabaseError::Damaged(path.to_owned()));
    }
    let copy = fs::read(spare_of(path)).map_err(failed(path))?;
    for suffix in ["", "-wal", "-shm"] {
        let file = with_suffix(path, suffix);
        let name = file.file_name().unwrap_or_default().to_owned();
        match fs::rename(&file, aside.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&file)(error)),
            _ => {}
        }
    }
    put(path, &copy).map_err(failed(path))?;
    tracing::warn!("the spare of {} has taken its place", path.display());
    Ok(())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> DatabaseError {
    let path = path.to_owned();
    move |source| DatabaseError::Io { path, source }
}

/// A copy is opened elsewhere: whoever opens a database writes beside it.
fn looked_at(spare: &Path) -> rusqlite::Result<Connection> {
    let mut bytes = fs::read(spare).map_err(|_| rusqlite::Error::InvalidPath(spare.to_owned()))?;
    let mut db = Connection::open_in_memory()?;
    // In memory there is no log: this part of the header says that the file has one.
    if let Some(versions) = bytes.get_mut(18..20) {
        versions.fill(1);
    }
    let len = bytes.len();
    db.deserialize_read_exact(c"main", io::Cursor::new(bytes), len, false)?;
    look_through(&db)?;
    Ok(db)
}

/// Replaces a file, durably.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = with_suffix(path, ".new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(path))?.sync_all()
}

fn spare_of(path: &Path) -> PathBuf {
    with_suffix(path, ".spare")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
