//! Blobs by digest, layers as directories, and the database that says which of them count.
//!
//! Invariant: what has a row is complete on disk, and durable. Files come first, then a flush, then the row; rows go
//! first, then the files. So a crash leaves files without rows, never rows without files, and [`Store::open`] deletes
//! the former.

mod aside;
mod collect;
mod commit;
mod doubt;
mod flush;
mod layout;
mod pushing;
mod query;
mod readable;
mod removal;
mod replaced;
mod scratch;

use crate::{Digest, ImageConfig, ImageError, Result, digest::Hasher, error::IoContext as _};
pub(crate) use aside::Damaged;
use berth_database::Access;
pub(crate) use commit::{NewImage, NewLayer, NewTree};
pub(crate) use doubt::is_damage;
pub(crate) use layout::Layout;
pub(crate) use query::{LayerRow, StoredTree, Twin};
use rusqlite::Connection;
pub(crate) use scratch::Scratch;
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Read as _},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The format of the database, kept in `PRAGMA user_version`.
const FORMAT: i64 = 2;
/// Read at once, bytes.
const PIECE: usize = 256 << 10;

/// The database and the files that belong to it. Every method blocks.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) layout: Layout,
    /// Held while files move in or out of their final place, so that rows and files agree for everyone who holds it.
    state: Mutex<State>,
    flushes: flush::Flushes,
}

#[derive(Debug)]
struct State {
    db: Connection,
    /// Layers that a pull or load in progress counts on, by chain id, and how many do.
    leases: HashMap<Digest, usize>,
    /// Configurations of images that were asked for.
    configurations: HashMap<Digest, Configuration>,
    /// Directories of layers to look at before they are used: the machine had died.
    doubted: HashSet<Digest>,
}

/// An image's configuration, parsed and byte for byte.
type Configuration = (Arc<ImageConfig>, Arc<[u8]>);

impl Store {
    /// Opens the store in `root` and deletes what has no row.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let layout = Layout::create(root)?;
        let db = open_database(&layout)?;
        let state = State { db, leases: HashMap::new(), configurations: HashMap::new(), doubted: HashSet::new() };
        let store = Self { layout, state: Mutex::new(state), flushes: flush::Flushes::default() };
        store.sweep()?;
        store.miss()?;
        store.note_boot()?;
        Ok(store)
    }

    /// Has the spare of the database follow its changes.
    pub(crate) fn keep_spare(self: &Arc<Self>) -> Result<()> {
        let store = Arc::downgrade(self);
        let lend = move |work: &mut dyn FnMut(&mut Connection)| {
            let Some(store) = store.upgrade() else { return false };
            work(&mut store.lock().db);
            true
        };
        Ok(berth_database::keep_spare(&mut self.lock().db, &self.layout.database(), lend)?)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while holding the lock rolled its transaction back, so what is behind the lock is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps these layers from being collected until [`Store::release`].
    pub(crate) fn lease(&self, chain_ids: &[Digest]) {
        let mut state = self.lock();
        for chain_id in chain_ids {
            *state.leases.entry(*chain_id).or_default() += 1;
        }
    }

    /// Ends a lease.
    pub(crate) fn release(&self, chain_ids: &[Digest]) {
        let mut state = self.lock();
        for chain_id in chain_ids {
            if let Some(count) = state.leases.get_mut(chain_id) {
                *count -= 1;
                if *count == 0 {
                    state.leases.remove(chain_id);
                }
            }
        }
    }

    /// Whether a stored blob is what its digest says; `read` is told of bytes that were looked at.
    pub(crate) fn is_right(&self, digest: &Digest, read: &mut dyn FnMut(u64)) -> Result<bool> {
        let path = self.layout.blob(digest);
        let hashed = File::open(&path).and_then(|file| hash(file, read));
        match hashed {
            Ok(got) => Ok(got == *digest),
            Err(e) if is_damage(&e) => Ok(false),
            Err(e) => Err(e).at("read", &path),
        }
    }

    /// The bytes of a stored blob, checked against its digest. One that is damaged is set aside.
    pub(crate) fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.layout.blob(digest);
        let bytes = match std::fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(ImageError::Lost(format!("a document ({})", digest.short()), "the image".into()));
            }
            read => read.at("read", &path)?,
        };
        let got = Digest::of(&bytes);
        if got != *digest {
            self.set_blob_aside(digest)?;
            return Err(ImageError::DigestMismatch { what: "a stored blob".into(), expected: *digest, got });
        }
        Ok(bytes)
    }
}

fn hash(mut file: File, read: &mut dyn FnMut(u64)) -> io::Result<Digest> {
    let mut piece = vec![0; PIECE];
    let mut hasher = Hasher::default();
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finish()),
            len => {
                hasher.update(&piece[..len]);
                read(len as u64);
            }
        }
    }
}

fn open_database(layout: &Layout) -> Result<Connection> {
    // One process at a time: another one's sweep would delete what this one is making.
    let mut db = berth_database::open(&layout.database(), &layout.aside(), Access::Alone, readable::all)?;
    let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        FORMAT => {}
        0 | 1 => {
            let change = if found == 0 { include_str!("schema.sql") } else { include_str!("from_1.sql") };
            let tx = db.transaction()?;
            tx.execute_batch(change)?;
            tx.pragma_update(None, "user_version", FORMAT)?;
            tx.commit()?;
        }
        _ => return Err(ImageError::NewerFormat { found, known: FORMAT }),
    }
    replaced::prepare(&db)?;
    Ok(db)
}

impl rusqlite::types::ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl rusqlite::types::FromSql for Digest {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        value.as_str()?.parse().map_err(rusqlite::types::FromSqlError::other)
    }
}

#[cfg(test)]
mod tests;
