//! The vsock device: byte streams between the host and ports of the guest (virtio 1.3, section 5.10).
//!
//! Connections are opened by the host only, with a [`Dialer`]; a guest that tries gets a reset. Whoever runs the device
//! moves packets with [`Device::process`] when a queue is kicked or the doorbell given to [`pair`] rings.
//!
//! Everything a guest says is taken as hostile: a packet that breaks the rules costs the guest that connection, and
//! nothing else.

mod connection;
mod device;
mod muxer;
mod packet;
mod stream;
mod table;

pub use device::{Device, Round};
pub use stream::{DialError, Dialer, Stream};

use virtio_bindings::virtio_config::VIRTIO_F_VERSION_1;
use virtio_bindings::virtio_ring::{VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC};

/// The queue with packets for the guest.
pub const RX_QUEUE: usize = 0;
/// The queue with packets of the guest.
pub const TX_QUEUE: usize = 1;
/// The queues [`Device::process`] serves. The device's third queue, for events, carries none without migration.
pub const QUEUES: usize = 2;
/// The longest queue the device takes, descriptors.
pub const MAX_QUEUE_SIZE: u16 = 1024;
/// The smallest address of a guest: 0, 1 and 2 have meanings of their own.
pub const MIN_GUEST_CID: u64 = 3;

/// The feature bits the device offers.
pub const FEATURES: u64 = 1 << VIRTIO_F_VERSION_1 | 1 << VIRTIO_RING_F_EVENT_IDX | 1 << VIRTIO_RING_F_INDIRECT_DESC;

/// The device's configuration space: the guest's address.
#[must_use]
pub const fn config(guest_cid: u64) -> [u8; 8] {
    guest_cid.to_le_bytes()
}

/// A device for the guest with address `guest_cid`, and the dialer that opens connections through it.
///
/// `doorbell` is called, from any thread, when the host has something for the guest: the thread that runs the device
/// should then call [`Device::process`]. It is not called again before that.
pub fn pair(guest_cid: u64, doorbell: impl Fn() + Send + Sync + 'static) -> (Device, Dialer) {
    let table = table::Table::new(Box::new(doorbell));
    (Device::new(muxer::Muxer::new(guest_cid, table.clone())), Dialer::new(table))
}
