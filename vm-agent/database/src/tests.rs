use super::*;
use std::{
    fs,
    sync::{Arc, Mutex},
    time::Instant,
};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.aside()).unwrap();
        let db = place.open();
        db.execute_batch("CREATE TABLE t (a TEXT) STRICT; PRAGMA user_version = 3").unwrap();
        for number in 0..500 {
            db.execute("INSERT INTO t VALUES (?1)", [format!("row {number}")]).unwrap();
        }
        place.kept(db);
        place
    }

    /// Keeps the spare until a copy was made, and closes the database.
    fn kept(&self, db: Connection) {
        let db = Arc::new(Mutex::new(db));
        let weak = Arc::downgrade(&db);
        let lend = move |work: &mut dyn FnMut(&mut Connection)| {
            let Some(db) = weak.upgrade() else { return false };
            work(&mut db.lock().unwrap());
            true
        };
        fs::remove_file(self.spare()).ok();
        keep_spare(&mut db.lock().unwrap(), &self.path(), lend).unwrap();
        let began = Instant::now();
        while !self.spare().exists() {
            assert!(began.elapsed() < Duration::from_secs(20), "no spare was written");
            std::thread::sleep(Duration::from_millis(20));
        }
        // The log is emptied when a copy is made, so that nothing durable is in it alone.
        assert_eq!(self.0.path().join("x.db-wal").metadata().unwrap().len(), 0);
    }

    fn spare(&self) -> PathBuf {
        self.0.path().join("x.db.spare")
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("x.db")
    }

    fn aside(&self) -> PathBuf {
        self.0.path().join("aside")
    }

    fn open(&self) -> Connection {
        open(&self.path(), &self.aside(), Access::Alone, readable).unwrap()
    }

    fn rows(&self) -> i64 {
        self.open().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }
}

fn readable(db: &Connection) -> rusqlite::Result<()> {
    let mut query = db.prepare("SELECT a FROM t")?;
    let rows = query.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let sense = rows.iter().all(|row| row.starts_with("row ") || row.starts_with("one "));
    if sense { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
}

#[test]
fn a_damaged_database_is_moved_aside_and_its_spare_takes_its_place() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 6] = [
        ("a row", |bytes| {
            // Pages hold copies of rows that were moved; one of all is the row.
            while let Some(at) = bytes.windows(7).position(|bytes| bytes == b"row 123") {
                bytes[at] = b'R';
            }
        }),
        ("the header", |bytes| bytes[3] ^= 1),
        ("a page", |bytes| bytes[4096..8192].fill(0xa5)),
        ("zeros", |bytes| bytes.fill(0)),
        ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
        ("empty", Vec::clear),
    ];
    for (what, damage) in damages {
        let place = Place::new();
        let mut bytes = fs::read(place.path()).unwrap();
        damage(&mut bytes);
        fs::write(place.path(), &bytes).unwrap();
        assert_eq!(place.rows(), 500, "{what}");
        let kept = fs::read(place.aside().join("x.db")).ok();
        // One without a byte is begun anew before anything is known of it.
        assert!(bytes.is_empty() || kept.as_ref() == Some(&bytes), "{what}: it is kept as it was found");
        assert_eq!(place.rows(), 500, "{what}");
    }
}

#[test]
fn a_database_that_is_gone_comes_back_and_one_without_a_good_spare_is_left_alone() {
    let place = Place::new();
    fs::remove_file(place.path()).unwrap();
    assert_eq!(place.rows(), 500);
    let text = "no database at all, but long enough to be looked at twice".repeat(20);
    fs::write(place.path(), &text).unwrap();
    fs::write(place.spare(), "nor this").unwrap();
    let refused = open(&place.path(), &place.aside(), Access::Shared, readable).unwrap_err().to_string();
    assert!(refused.contains("is damaged, and so is its spare"), "{refused}");
    assert_eq!(fs::read_to_string(place.path()).unwrap(), text);
}

#[test]
fn a_damaged_spare_does_no_harm() {
    let place = Place::new();
    fs::write(place.spare(), "").unwrap();
    assert_eq!(place.rows(), 500);
}

#[test]
fn the_spare_follows_the_changes() {
    let place = Place::new();
    let db = place.open();
    db.execute("INSERT INTO t VALUES ('one more')", []).unwrap();
    place.kept(db);
    fs::write(place.path(), "").unwrap();
    assert_eq!(place.rows(), 501);
}

#[test]
fn a_log_that_gets_no_room_keeps_no_database_from_being_used() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("x.db-wal")).unwrap();
    let mut db = Connection::open_in_memory().unwrap();
    keep_spare(&mut db, &place.path().join("x.db"), |_| false).unwrap();
}
