//! The connections of a device, and which of them have something to say. Shared by the device and its streams.

use super::connection::Connection;
use super::packet::Key;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The host's ports are taken from here upwards; ports below 1024 are privileged and some below 2^30 are known services.
const FIRST_HOST_PORT: u32 = 1 << 30;
/// How many connections whose host end is gone may wait for a guest that does not read. Each holds up to
/// [`super::connection::WINDOW`] bytes.
const MAX_LINGERING: usize = 256;

/// One connection, shared by its stream and the device.
pub(crate) struct Endpoint {
    pub(crate) key: Key,
    /// Whether it stands in the queue of those that have something to say.
    queued: AtomicBool,
    slot: Mutex<Slot>,
}

pub(crate) struct Slot {
    pub(crate) connection: Connection,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

impl Endpoint {
    pub(crate) fn slot(&self) -> MutexGuard<'_, Slot> {
        lock(&self.slot)
    }
}

impl Slot {
    /// Lets both halves of the stream look again.
    pub(crate) fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

/// Cheap to clone; all clones are one table. Locks are never held together, so their order does not matter.
#[derive(Clone)]
pub(crate) struct Table(Arc<Shared>);

struct Shared {
    entries: Mutex<Entries>,
    ready: Mutex<VecDeque<Arc<Endpoint>>>,
    doorbell: Box<dyn Fn() + Send + Sync>,
    rung: AtomicBool,
}

struct Entries {
    by_key: HashMap<Key, Arc<Endpoint>>,
    next_host_port: u32,
    lingering: VecDeque<Key>,
    ended: bool,
}

impl Table {
    pub(crate) fn new(doorbell: Box<dyn Fn() + Send + Sync>) -> Self {
        let entries = Entries {
            by_key: HashMap::new(),
            next_host_port: FIRST_HOST_PORT,
            lingering: VecDeque::new(),
            ended: false,
        };
        Self(Arc::new(Shared {
            entries: Mutex::new(entries),
            ready: Mutex::default(),
            doorbell,
            rung: AtomicBool::new(false),
        }))
    }

    /// A new connection to a port of the guest, queued to be asked for; `None` when the guest is gone.
    pub(crate) fn dial(&self, guest_port: u32) -> Option<Arc<Endpoint>> {
        let endpoint = lock(&self.0.entries).insert(guest_port)?;
        self.enqueue(&endpoint);
        Some(endpoint)
    }

    pub(crate) fn get(&self, key: Key) -> Option<Arc<Endpoint>> {
        lock(&self.0.entries).by_key.get(&key).cloned()
    }

    pub(crate) fn remove(&self, key: Key) {
        lock(&self.0.entries).by_key.remove(&key);
    }

    /// A connection whose host end is gone waits to deliver its last bytes. When too many do, the oldest is reset.
    pub(crate) fn linger(&self, key: Key) {
        let oldest = {
            let mut entries = lock(&self.0.entries);
            entries.lingering.push_back(key);
            if entries.lingering.len() <= MAX_LINGERING {
                return;
            }
            entries.lingering.pop_front().and_then(|key| entries.by_key.get(&key).cloned())
        };
        if let Some(oldest) = oldest {
            oldest.slot().connection.reset();
            self.enqueue(&oldest);
        }
    }

    /// The guest's driver began anew.
    pub(crate) fn guest_restarted(&self) {
        let all: Vec<_> = lock(&self.0.entries).by_key.values().cloned().collect();
        for endpoint in all {
            let over = {
                let mut slot = endpoint.slot();
                slot.connection.guest_restarted();
                slot.wake();
                slot.connection.is_over()
            };
            if over {
                self.remove(endpoint.key);
            } else {
                self.enqueue(&endpoint);
            }
        }
    }

    /// The guest is gone for good: every stream breaks, every dial fails.
    pub(crate) fn end(&self) {
        let all: Vec<_> = {
            let mut entries = lock(&self.0.entries);
            entries.ended = true;
            entries.lingering.clear();
            entries.by_key.drain().map(|(_, endpoint)| endpoint).collect()
        };
        lock(&self.0.ready).clear();
        for endpoint in all {
            let mut slot = endpoint.slot();
            slot.connection.vanish();
            slot.wake();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.0.entries).ended
    }

    /// Puts a connection that has something to say in the queue, and rings.
    pub(crate) fn enqueue(&self, endpoint: &Arc<Endpoint>) {
        if !endpoint.queued.swap(true, Ordering::SeqCst) {
            lock(&self.0.ready).push_back(Arc::clone(endpoint));
        }
        if !self.0.rung.swap(true, Ordering::SeqCst) {
            (self.0.doorbell)();
        }
    }

    /// Puts it back in the queue; for the device itself, which looks there anyway.
    pub(crate) fn requeue(&self, endpoint: Arc<Endpoint>) {
        if !endpoint.queued.swap(true, Ordering::SeqCst) {
            lock(&self.0.ready).push_back(endpoint);
        }
    }

    /// The next in the queue. What it has to say must be looked at after this.
    pub(crate) fn dequeue(&self) -> Option<Arc<Endpoint>> {
        let endpoint = lock(&self.0.ready).pop_front()?;
        endpoint.queued.store(false, Ordering::SeqCst);
        Some(endpoint)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.0.entries).by_key.len()
    }

    pub(crate) fn has_ready(&self) -> bool {
        !lock(&self.0.ready).is_empty()
    }

    /// The device is about to look at the queue: from now on, ring again.
    pub(crate) fn hear_doorbell(&self) {
        self.0.rung.store(false, Ordering::SeqCst);
    }
}

impl Entries {
    fn insert(&mut self, guest_port: u32) -> Option<Arc<Endpoint>> {
        if self.ended {
            return None;
        }
        let key = loop {
            let key = Key { host_port: self.next_host_port, guest_port };
            self.next_host_port = self.next_host_port.checked_add(1).unwrap_or(FIRST_HOST_PORT);
            if !self.by_key.contains_key(&key) {
                break key;
            }
        };
        let slot = Mutex::new(Slot { connection: Connection::dial(), reader: None, writer: None });
        let endpoint = Arc::new(Endpoint { key, queued: AtomicBool::new(false), slot });
        self.by_key.insert(key, Arc::clone(&endpoint));
        Some(endpoint)
    }
}

/// A panic elsewhere leaves these data consistent, since every change is complete before anything can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
