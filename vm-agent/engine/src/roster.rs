//! Which containers there are, by id and by name. A name is reserved before anything is made under it.

use crate::{Error, Result, attach::Waiting, container::Definition, container::Live, files::View};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak, atomic::AtomicBool},
};
use tokio::sync::watch;

/// One container in memory.
pub(crate) struct Container {
    /// What never changes.
    pub(crate) definition: Arc<Definition>,
    /// What does; a waiter subscribes. `None` when the container is gone.
    pub(crate) live: watch::Sender<Option<Arc<Live>>>,
    /// What it was like when it went: a slow waiter may not have seen it.
    last: OnceLock<Arc<Live>>,
    /// Held by start and remove: one of them at a time.
    pub(crate) operation: Arc<tokio::sync::Mutex<()>>,
    /// Shared by copies into it while it runs, which begin under `operation`: whoever holds that and has waited for
    /// this once knows that nobody writes by a way that an earlier process had.
    pub(crate) written_into: Arc<tokio::sync::RwLock<()>>,
    /// Told when it is removed by force: who copies into it stops.
    pub(crate) cut_off: watch::Sender<()>,
    /// Its files while they are looked at without a process: who looks at the same time shares them.
    pub(crate) view: tokio::sync::Mutex<Weak<View>>,
    /// Held while it is put on a network or taken off one, after `operation`.
    pub(crate) places: tokio::sync::Mutex<()>,
    /// Held while the row and `live` change together.
    pub(crate) change: tokio::sync::Mutex<()>,
    /// Those who attached before there was a process.
    pub(crate) waiting: tokio::sync::Mutex<Waiting>,
    /// A person restarts it: its end is no reason to remove it or to start it by policy.
    pub(crate) restarting_by_hand: AtomicBool,
}

impl Container {
    /// A container as the store has it.
    pub(crate) fn new(definition: Definition, live: Live) -> Self {
        Self {
            definition: Arc::new(definition),
            live: watch::Sender::new(Some(Arc::new(live))),
            last: OnceLock::new(),
            operation: Arc::default(),
            written_into: Arc::default(),
            cut_off: watch::Sender::default(),
            view: tokio::sync::Mutex::default(),
            places: tokio::sync::Mutex::default(),
            change: tokio::sync::Mutex::default(),
            waiting: tokio::sync::Mutex::default(),
            restarting_by_hand: AtomicBool::new(false),
        }
    }

    /// Waits until nobody copies into it any more; the caller holds `operation`, so that nobody begins.
    pub(crate) async fn written(&self) {
        drop(self.written_into.write().await);
    }

    /// 64 hex digits.
    pub(crate) fn id(&self) -> &str {
        &self.definition.id
    }

    /// It is gone.
    pub(crate) fn vanish(&self) {
        self.live.send_modify(|live| {
            if let Some(live) = live.take() {
                // Removal happens once: nothing was there before.
                drop(self.last.set(live));
            }
        });
    }

    /// What it was like when it went.
    pub(crate) fn last(&self) -> Option<&Live> {
        self.last.get().map(Arc::as_ref)
    }

    /// What it is like now; an error once it is gone.
    pub(crate) fn now(&self) -> Result<Arc<Live>> {
        self.live.borrow().clone().ok_or_else(|| Error::NoSuchContainer(self.id().to_owned()))
    }
}

/// All containers.
#[derive(Default)]
pub(crate) struct Roster {
    inner: Mutex<Names>,
}

#[derive(Default)]
struct Names {
    by_id: BTreeMap<String, Arc<Container>>,
    /// Name to id; an id without a container is one that is being made.
    by_name: HashMap<String, String>,
}

impl Roster {
    /// Reserves a name for an id.
    ///
    /// # Errors
    /// Docker's sentence when another has it.
    pub(crate) fn reserve(&self, name: &str, id: &str) -> Result<()> {
        let mut names = self.lock();
        match names.by_name.get(name) {
            Some(holder) if holder != id => Err(Error::NameInUse { name: name.to_owned(), holder: holder.clone() }),
            _ => {
                names.by_name.insert(name.to_owned(), id.to_owned());
                Ok(())
            }
        }
    }

    /// Gives a name back that this id has.
    pub(crate) fn free(&self, name: &str, id: &str) {
        let mut names = self.lock();
        if names.by_name.get(name).is_some_and(|holder| holder == id) {
            names.by_name.remove(name);
        }
    }

    /// Makes a container known. Its name is reserved already.
    pub(crate) fn add(&self, container: Arc<Container>) {
        self.lock().by_id.insert(container.id().to_owned(), container);
    }

    /// Forgets a container and its names.
    pub(crate) fn remove(&self, id: &str) {
        let mut names = self.lock();
        names.by_id.remove(id);
        names.by_name.retain(|_, holder| holder != id);
    }

    /// All of them, in no order that means anything.
    pub(crate) fn all(&self) -> Vec<Arc<Container>> {
        self.lock().by_id.values().cloned().collect()
    }

    /// The container of this id, name or prefix of exactly one id.
    ///
    /// # Errors
    /// Docker's sentence.
    pub(crate) fn find(&self, given: &str) -> Result<Arc<Container>> {
        let names = self.lock();
        let missing = || Error::NoSuchContainer(given.to_owned());
        if let Some(container) = names.by_id.get(given) {
            return Ok(container.clone());
        }
        let bare = given.strip_prefix('/').unwrap_or(given);
        if let Some(container) = names.by_name.get(bare).and_then(|id| names.by_id.get(id)) {
            return Ok(container.clone());
        }
        if given.is_empty() || given.len() > 64 {
            return Err(missing());
        }
        let mut matches = names.by_id.range(given.to_owned()..).take_while(|(id, _)| id.starts_with(given));
        match (matches.next(), matches.next()) {
            (Some((_, only)), None) => Ok(only.clone()),
            (Some(_), Some(_)) => Err(Error::AmbiguousId(given.to_owned())),
            (None, _) => Err(missing()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timestamp, container::Life};

    fn container(id: &str, name: &str) -> Arc<Container> {
        let definition = Definition {
            id: id.to_owned(),
            created: Timestamp(0),
            image_id: String::new(),
            argv: vec!["true".into()],
            config: Default::default(),
            host: Default::default(),
            mounts: vec![],
        };
        let live = Live {
            name: name.to_owned(),
            life: Life::new(),
            network: Default::default(),
            publications: vec![],
            filled: false,
            users: None,
            tuning: None,
        };
        Arc::new(Container::new(definition, live))
    }

    fn roster() -> Roster {
        let roster = Roster::default();
        for (id, name) in [("aa11", "web"), ("aa22", "db"), ("bb33", "aa")] {
            roster.reserve(name, id).unwrap();
            roster.add(container(id, name));
        }
        roster
    }

    #[test]
    fn a_container_is_found_by_id_name_and_prefix() {
        let roster = roster();
        for (given, id) in [("aa11", "aa11"), ("web", "aa11"), ("/db", "aa22"), ("b", "bb33"), ("aa1", "aa11")] {
            assert_eq!(roster.find(given).unwrap().id(), id, "{given}");
        }
        assert_eq!(roster.find("aa").unwrap().id(), "bb33", "a name wins over a prefix");
        assert!(matches!(roster.find("a"), Err(Error::AmbiguousId(_))));
        for missing in ["", "/", "we", "cc"] {
            assert_eq!(roster.find(missing).err().unwrap().to_string(), format!("No such container: {missing}"));
        }
    }

    #[test]
    fn a_name_belongs_to_one() {
        let roster = roster();
        let error = roster.reserve("web", "cc44").unwrap_err().to_string();
        assert!(error.starts_with("Conflict. The container name \"/web\" is already in use by container \"aa11\"."));
        roster.free("web", "cc44");
        assert!(roster.reserve("web", "cc44").is_err(), "only its holder frees a name");
        roster.remove("aa11");
        roster.reserve("web", "cc44").unwrap();
    }
}
