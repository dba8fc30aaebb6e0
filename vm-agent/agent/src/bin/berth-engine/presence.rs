//! Clients that end their side of a connection: some still read the other side, some are gone.
//!
//! hyper knows two ways to take the end of a client's bytes while a request is at work: as the end of the connection,
//! which drops the answer of a client that said all it had to say, or as nothing at all, which keeps the stream of a
//! client that is gone open until its next byte, perhaps for ever. Docker's clients need the middle, which is what
//! docker's own server does: an answer that is there is written, and one that is still coming ends with the client.
//!
//! So hyper is told to take such an end as nothing, and a body that has nothing to give looks whether its client is
//! still there.

use axum::{BoxError, body::Body};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read ahead to see whether a client is still there, bytes. A client that sends its next request before
/// it has the answer to this one is there; more of it is left where it is.
const AHEAD: usize = 1024;

/// A connection that can be asked whether its client still sends. Clones are the same connection.
pub(crate) struct Present<S>(Arc<Mutex<Inner<S>>>);

struct Inner<S> {
    stream: S,
    ahead: Vec<u8>,
    ended: bool,
}

impl<S> Present<S> {
    /// Around a connection.
    pub(crate) fn new(stream: S) -> Self {
        Self(Arc::new(Mutex::new(Inner { stream, ahead: Vec::new(), ended: false })))
    }

    /// A body that ends with its client.
    pub(crate) fn body(&self, body: Body) -> WhilePresent<S> {
        WhilePresent { body, client: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        // What is behind the lock is whole after every line, so a panic of another holder changes nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Clone for Present<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: AsyncRead + Unpin> Inner<S> {
    /// Ready when the client has ended its side.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended {
            return Poll::Ready(());
        }
        if !self.ahead.is_empty() {
            return Poll::Pending;
        }
        let mut bytes = [0; AHEAD];
        let mut buf = ReadBuf::new(&mut bytes);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf));
        self.ahead.extend_from_slice(buf.filled());
        self.ended = read.is_err() || self.ahead.is_empty();
        if self.ended {
            return Poll::Ready(());
        }
        // Whoever waits to read shares this task and was not woken for what is in `ahead` now.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Present<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        if inner.ahead.is_empty() {
            return if inner.ended { Poll::Ready(Ok(())) } else { Pin::new(&mut inner.stream).poll_read(cx, buf) };
        }
        let taken = inner.ahead.len().min(buf.remaining());
        buf.put_slice(&inner.ahead[..taken]);
        inner.ahead.drain(..taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Present<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.lock().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.lock().stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.lock().stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_shutdown(cx)
    }
}

/// A body that breaks off when it has nothing to give and its client has ended its side.
pub(crate) struct WhilePresent<S> {
    body: Body,
    client: Present<S>,
}

impl<S: AsyncRead + Unpin> HttpBody for WhilePresent<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)));
        }
        ready!(self.client.lock().poll_gone(cx));
        Poll::Ready(Some(Err("the client left".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
