//! Packets from the device to the stream and back.

use crate::offload;
use berth_protocol::uplink::{HEAD_LEN, Head};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::uio::{readv, writev},
};
use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    net::Shutdown,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use vsock::VsockStream;

/// The largest packet, bytes.
const LARGEST: usize = u16::MAX as usize;
/// Bytes sent on at once, and asked of the stream at once.
const CHUNK: usize = 256 << 10;

/// A connection of the host's.
pub trait Stream: Send + Sync + 'static {
    /// Reads what is there; 0 at the end.
    ///
    /// # Errors
    /// It broke.
    fn read(&self, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of it.
    ///
    /// # Errors
    /// It broke.
    fn write_all(&self, bytes: &[u8]) -> io::Result<()>;
    /// Ends it, also for who is reading or writing at this moment.
    fn end(&self);
}

macro_rules! stream {
    ($kind:ty) => {
        impl Stream for $kind {
            fn read(&self, into: &mut [u8]) -> io::Result<usize> {
                Read::read(&mut &*self, into)
            }

            fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
                Write::write_all(&mut &*self, bytes)
            }

            fn end(&self) {
                // One that has ended already is fine.
                self.shutdown(Shutdown::Both).unwrap_or_default();
            }
        }
    };
}
stream!(VsockStream);
stream!(UnixStream);

/// The device, and the stream of the moment.
pub struct Pump<S> {
    device: File,
    stream: Mutex<Option<Arc<S>>>,
}

impl<S: Stream> Pump<S> {
    /// A pump without a stream.
    #[must_use]
    pub const fn new(device: File) -> Self {
        Self { device, stream: Mutex::new(None) }
    }

    /// Carries what the device has to the stream there is; without one it is lost.
    ///
    /// # Errors
    /// The device broke; there is nothing else at which this ends.
    pub fn carry_out(&self) -> io::Result<()> {
        let mut bytes = vec![0; CHUNK + HEAD_LEN + LARGEST];
        loop {
            let ready = PollFd::new(self.device.as_fd(), PollFlags::POLLIN);
            match poll(&mut [ready], PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let filled = self.take_waiting(&mut bytes)?;
            let stream = self.lock().clone();
            if let Some(stream) = stream.filter(|_| filled > 0)
                && stream.write_all(&bytes[..filled]).is_err()
            {
                self.drop_stream(&stream);
            }
        }
    }

    /// Moves what waits in the device into `bytes`, as far as there is room: how much that was.
    fn take_waiting(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < CHUNK {
            let mut header = [0; offload::LEN];
            let (head, packet) = bytes[filled..][..HEAD_LEN + LARGEST].split_at_mut(HEAD_LEN);
            let read = match readv(&self.device, &mut [IoSliceMut::new(&mut header), IoSliceMut::new(packet)]) {
                Ok(read) => read,
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let length = u16::try_from(read.saturating_sub(offload::LEN)).map_err(io::Error::other)?;
            head.copy_from_slice(&Head { length, segment: 0 }.to_bytes());
            filled += HEAD_LEN + usize::from(length);
        }
        Ok(filled)
    }

    /// Carries what the stream has to the device until the stream ends. It takes the place of the one before.
    pub fn carry_in(&self, stream: S) {
        let stream = Arc::new(stream);
        if let Some(before) = self.lock().replace(Arc::clone(&stream)) {
            before.end();
        }
        let mut bytes = vec![0; CHUNK + HEAD_LEN + LARGEST];
        let mut filled = 0;
        loop {
            match stream.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            }
            let done = self.give_whole(&mut bytes[..filled]);
            bytes.copy_within(done..filled, 0);
            filled -= done;
        }
        self.drop_stream(&stream);
    }

    /// Gives the whole packets in `bytes` to the device: how much that was.
    fn give_whole(&self, bytes: &mut [u8]) -> usize {
        let mut done = 0;
        while let Some(Head { length, segment }) = Head::read(&bytes[done..]) {
            let start = done + HEAD_LEN;
            let Some(packet) = bytes.get_mut(start..start + usize::from(length)) else { break };
            let header = offload::header(packet, segment);
            // One that the kernel does not take is lost, as on any wire.
            writev(&self.device, &[IoSlice::new(&header), IoSlice::new(packet)]).unwrap_or_default();
            done = start + usize::from(length);
        }
        done
    }

    fn drop_stream(&self, ended: &Arc<S>) {
        ended.end();
        let mut stream = self.lock();
        if stream.as_ref().is_some_and(|stream| Arc::ptr_eq(stream, ended)) {
            *stream = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<S>>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
