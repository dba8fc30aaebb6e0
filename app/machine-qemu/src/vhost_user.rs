//! Our vsock device as a vhost-user backend: QEMU hands over guest memory and queues, and this process serves them
//! (QEMU `docs/interop/vhost-user.rst`).

use berth_vmm_virtio::vsock::{self, Device, Dialer, RX_QUEUE, TX_QUEUE};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use vhost::vhost_user::Listener;
use vhost::vhost_user::message::{VhostUserProtocolFeatures, VhostUserVirtioFeatures};
use vhost_user_backend::{VhostUserBackend, VhostUserDaemon, VringMutex, VringState, VringT};
use vm_memory::{GuestAddressSpace, GuestMemoryAtomic, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{EventConsumer, EventFlag, EventNotifier, new_event_consumer_and_notifier};

type Memory = GuestMemoryAtomic<GuestMemoryMmap>;
type Vring = VringMutex<Memory>;

/// The event of the doorbell. Those of the queues are their numbers, and one more belongs to the library.
const DOORBELL: u16 = vsock::QUEUES as u16 + 1;

/// The device of one machine, being served.
pub(crate) struct Backend {
    dialer: Dialer,
    socket: PathBuf,
    server: Option<JoinHandle<()>>,
}

impl Backend {
    /// Listens on `socket` for the one QEMU that will connect, and serves it from threads of its own.
    pub(crate) fn listen(socket: &Path) -> io::Result<Self> {
        let (heard, doorbell) = new_event_consumer_and_notifier(EventFlag::NONBLOCK | EventFlag::CLOEXEC)?;
        let doorbell = Arc::new(doorbell);
        let bell = Arc::clone(&doorbell);
        let (device, dialer) = vsock::pair(vsock::MIN_GUEST_CID, move || ring(&bell));
        let listener = Listener::new(socket, false).map_err(io::Error::other)?;
        let memory = GuestMemoryAtomic::new(GuestMemoryMmap::new());
        let service = Arc::new(Service {
            device: Mutex::new(device),
            memory: memory.clone(),
            heard,
            ended: AtomicBool::new(false),
        });
        let mut daemon = VhostUserDaemon::new("vsock".into(), Arc::clone(&service), memory)
            .map_err(|error| io::Error::other(error.to_string()))?;
        for handler in daemon.get_epoll_handlers() {
            handler.register_listener(service.heard.as_raw_fd(), EventSet::IN, u64::from(DOORBELL))?;
        }
        let server = thread::Builder::new().name("vsock-control".into()).spawn(move || {
            let mut listener = listener;
            let served = daemon.start(&mut listener).and_then(|()| daemon.wait());
            tracing::debug!(?served, "QEMU left the vsock device");
            // The thread that moves packets ends when it hears this; dropping the daemon waits for it.
            service.ended.store(true, Ordering::SeqCst);
            ring(&doorbell);
            drop(daemon);
        })?;
        Ok(Self { dialer, socket: socket.into(), server: Some(server) })
    }

    pub(crate) const fn dialer(&self) -> &Dialer {
        &self.dialer
    }
}

impl Drop for Backend {
    /// To be dropped after QEMU has ended: waits for the threads, which end with it.
    fn drop(&mut self) {
        self.dialer.end();
        // A QEMU that ended before it connected leaves the server waiting for one.
        drop(UnixStream::connect(&self.socket));
        if let Some(server) = self.server.take()
            && server.join().is_err()
        {
            tracing::error!("the thread of the vsock device panicked");
        }
    }
}

fn ring(doorbell: &EventNotifier) {
    // It fails only when it has been rung 2^64 times without being heard.
    if let Err(error) = doorbell.notify() {
        tracing::error!(%error, "the doorbell of the vsock device is broken");
    }
}

struct Service {
    device: Mutex<Device>,
    memory: Memory,
    heard: EventConsumer,
    ended: AtomicBool,
}

impl Service {
    fn device(&self) -> std::sync::MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn move_packets(&self, vrings: &[Vring]) {
        let [rx, tx] = vrings else { return };
        let memory = self.memory.memory();
        let mut device = self.device();
        loop {
            let (mut rx, mut tx) = (rx.get_mut(), tx.get_mut());
            if !is_served(&rx) || !is_served(&tx) {
                return;
            }
            let round = match device.process(rx.get_queue_mut(), tx.get_queue_mut(), &*memory) {
                Ok(round) => round,
                Err(error) => return tracing::warn!(%error, "the guest broke a queue of its vsock device"),
            };
            for (queue, signal) in [(&rx, round.signal_rx), (&tx, round.signal_tx)] {
                if signal && let Err(error) = queue.signal_used_queue() {
                    tracing::warn!(%error, "the guest could not be interrupted");
                }
            }
            if !round.again {
                return;
            }
        }
    }
}

fn is_served(vring: &VringState<Memory>) -> bool {
    use virtio_queue::QueueT;
    vring.is_enabled() && vring.get_queue().ready()
}

impl VhostUserBackend for Service {
    type Bitmap = ();
    type Vring = Vring;

    fn num_queues(&self) -> usize {
        vsock::QUEUES
    }

    fn max_queue_size(&self) -> usize {
        usize::from(vsock::MAX_QUEUE_SIZE)
    }

    fn features(&self) -> u64 {
        vsock::FEATURES | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits()
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        VhostUserProtocolFeatures::CONFIG
    }

    /// The library has told the queues already, and nothing else depends on it.
    fn set_event_idx(&self, _: bool) {}

    fn get_config(&self, offset: u32, size: u32) -> Vec<u8> {
        let config = vsock::config(vsock::MIN_GUEST_CID);
        let rest = config.get(offset as usize..).unwrap_or_default();
        rest[..rest.len().min(size as usize)].to_vec()
    }

    /// `memory` is the one this service was made with.
    fn update_memory(&self, _: Memory) -> io::Result<()> {
        Ok(())
    }

    /// The guest's driver let go of a queue: it is reset, or the VM ends.
    fn stop_vring(&self, _: u32) -> io::Result<()> {
        self.device().guest_restarted();
        Ok(())
    }

    fn handle_event(&self, event: u16, _: EventSet, vrings: &[Vring], _: usize) -> io::Result<()> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(io::Error::other("the machine has ended"));
        }
        match usize::from(event) {
            RX_QUEUE | TX_QUEUE => {}
            // Heard already, when both a queue and the bell woke us: there is nothing to take back.
            _ => drop(self.heard.consume()),
        }
        self.move_packets(vrings);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_vmm_virtio::vsock::DialError;

    #[tokio::test]
    async fn a_backend_nobody_connected_to_ends_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::listen(&dir.path().join("vsock.sock")).unwrap();
        let dialer = backend.dialer().clone();
        drop(backend);
        assert_eq!(dialer.dial(7).await.err(), Some(DialError::Gone));
    }
}
