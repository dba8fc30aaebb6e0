//! The queues of the device.

use super::muxer::Muxer;
use super::packet::{HEADER_LEN, Header};
use std::io::Read;
use virtio_queue::{Error, QueueT};
use vm_memory::GuestMemory;

/// The device: moves packets between the guest's queues and the streams of a [`super::Dialer`].
pub struct Device {
    muxer: Muxer,
}

/// What one round of [`Device::process`] leaves to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Interrupt the guest for [`super::RX_QUEUE`].
    pub signal_rx: bool,
    /// Interrupt the guest for [`super::TX_QUEUE`].
    pub signal_tx: bool,
    /// Call again after that: something moved, so more may have become possible.
    pub again: bool,
}

impl Device {
    pub(super) const fn new(muxer: Muxer) -> Self {
        Self { muxer }
    }

    /// Moves packets: at most one filling of each queue, so that the guest is interrupted in time for what has moved.
    /// To be called, until a round says otherwise, when either queue was kicked and when the doorbell rang.
    ///
    /// # Errors
    /// Those of a queue whose rings make no sense. What the guest put there is skipped; later calls go on.
    pub fn process<Q: QueueT, M: GuestMemory>(&mut self, rx: &mut Q, tx: &mut Q, memory: &M) -> Result<Round, Error> {
        self.muxer.table().hear_doorbell();
        let taken = self.take_packets(tx, memory)?;
        let given = self.give_packets(rx, memory)?;
        Ok(Round {
            signal_rx: given && rx.needs_notification(memory)?,
            signal_tx: taken && tx.needs_notification(memory)?,
            again: taken || given,
        })
    }

    /// The guest's driver was reset: it knows of no connection. Dials that wait are asked again when it is back.
    pub fn guest_restarted(&mut self) {
        self.muxer.guest_restarted();
    }

    fn take_packets<Q: QueueT, M: GuestMemory>(&mut self, tx: &mut Q, memory: &M) -> Result<bool, Error> {
        let mut any = false;
        tx.disable_notification(memory)?;
        for _ in 0..tx.size() {
            if !self.muxer.accepts() {
                break;
            }
            let Some(chain) = tx.pop_descriptor_chain(memory) else { break };
            let head = chain.head_index();
            // A chain that leaves guest memory has no packet, and is given back like any other.
            if let Ok(mut reader) = chain.reader(memory) {
                let mut header = [0; HEADER_LEN];
                if reader.read_exact(&mut header).is_ok() {
                    let available = reader.available_bytes();
                    self.muxer.receive(&Header::from_bytes(&header), available, &mut reader);
                }
            }
            tx.add_used(memory, head, 0)?;
            any = true;
        }
        // What came in between the last look and this is more to do.
        Ok(tx.enable_notification(memory)? && self.muxer.accepts() || any)
    }

    fn give_packets<Q: QueueT, M: GuestMemory>(&mut self, rx: &mut Q, memory: &M) -> Result<bool, Error> {
        let mut any = false;
        rx.disable_notification(memory)?;
        for _ in 0..rx.size() {
            if !self.muxer.has_packet() {
                break;
            }
            let Some(chain) = rx.pop_descriptor_chain(memory) else { break };
            let head = chain.head_index();
            let size = match chain.writer(memory) {
                Ok(mut writer) => self.muxer.transmit(writer.available_bytes(), &mut writer).unwrap_or(0),
                Err(_) => 0,
            };
            rx.add_used(memory, head, u32::try_from(size).unwrap_or(0))?;
            any = true;
        }
        // With nothing to give, the guest's new buffers are of no interest.
        Ok(self.muxer.has_packet() && rx.enable_notification(memory)? || any)
    }
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
