//! Signals of this side: those that a container in the foreground gets, and the one that ends a program nobody reads.

use tokio::sync::mpsc;

/// The names of the signals that arrive from now on, as docker takes them.
#[cfg(unix)]
pub(crate) fn arriving() -> mpsc::UnboundedReceiver<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = mpsc::unbounded_channel();
    let forwarded = [
        ("INT", SignalKind::interrupt()),
        ("TERM", SignalKind::terminate()),
        ("QUIT", SignalKind::quit()),
        ("HUP", SignalKind::hangup()),
        ("USR1", SignalKind::user_defined1()),
        ("USR2", SignalKind::user_defined2()),
    ];
    for (name, kind) in forwarded {
        let Ok(mut stream) = signal(kind) else { continue };
        let sender = sender.clone();
        tokio::spawn(async move { while stream.recv().await.is_some() && sender.send(name).is_ok() {} });
    }
    receiver
}

/// The names of the signals that arrive from now on, as docker takes them.
#[cfg(windows)]
pub(crate) fn arriving() -> mpsc::UnboundedReceiver<&'static str> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && sender.send("INT").is_ok() {} });
    receiver
}

/// Tells when the terminal's size may have changed.
#[cfg(unix)]
pub(crate) fn resized() -> mpsc::UnboundedReceiver<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = mpsc::unbounded_channel();
    if let Ok(mut stream) = signal(SignalKind::window_change()) {
        tokio::spawn(async move { while stream.recv().await.is_some() && sender.send(()).is_ok() {} });
    }
    receiver
}

/// Tells when the terminal's size may have changed. There is no signal for that: it is looked at, as docker does.
#[cfg(windows)]
pub(crate) fn resized() -> mpsc::UnboundedReceiver<()> {
    const LOOK: std::time::Duration = std::time::Duration::from_millis(250);
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut last = crate::terminal::size();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = crate::terminal::size();
            if now != std::mem::replace(&mut last, now) && sender.send(()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Ends this process without a word, by the signal that a program gets which writes what nobody reads. It is ignored
/// until then: what writes into a connection that the engine has closed is told so, and goes on.
#[cfg(unix)]
pub(crate) fn end_as_unread() -> ! {
    use nix::sys::signal::{SigHandler, Signal, raise, signal};
    #[expect(unsafe_code, reason = "a disposition has no safe wrapper")]
    // SAFETY: the default disposition runs no code of this process.
    let by_default = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    by_default.and_then(|_| raise(Signal::SIGPIPE)).ok();
    std::process::exit(1)
}

/// Ends this process without a word. Windows has no signal for it.
#[cfg(windows)]
pub(crate) fn end_as_unread() -> ! {
    std::process::exit(1)
}
