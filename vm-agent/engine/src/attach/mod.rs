//! Being part of a process's standard streams.

pub use berth_protocol::detach_keys::{DetachKeys, InvalidKeys};

use crate::{
    log::LogStream,
    seam::{Attached, ProcessInput, ProcessOutput, RuntimeError},
};
use berth_protocol::detach_keys::Watched;
use tokio::sync::oneshot;

/// How to attach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachOptions {
    /// Sends standard input, where the container has it open.
    pub stdin: bool,
    /// Standard output too.
    pub stdout: bool,
    /// Standard error too.
    pub stderr: bool,
    /// What was kept, first.
    pub logs: bool,
    /// What comes, until the container ends.
    pub stream: bool,
    /// The keys that leave a terminal, as `ctrl-p,ctrl-q`; `None` is that.
    pub detach_keys: Option<String>,
}

/// An attachment. It is in place when this is returned: no output after that moment is missed.
pub struct Attachment {
    /// The process has a terminal: the front sends raw bytes instead of frames.
    pub tty: bool,
    /// The output. Its end is the end of the attachment.
    pub output: LogStream,
    /// Where what the client sends goes.
    pub input: AttachedInput,
}

/// What is to be done after some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterInput {
    /// More may come.
    More,
    /// The client has nothing more to say, and still listens.
    Listen,
    /// The attachment is over.
    Leave,
}

/// The way in, by docker's rules (moby `container/stream/attach.go`): the end of a client's input is the end of the
/// process's when that was for this client alone, and else the end of the attachment; a terminal is left by its keys.
pub struct AttachedInput {
    way: Way,
    /// The process's input ends with this client's.
    closes: bool,
    tty: bool,
    keys: Watched,
    /// Tells that the client left by its keys.
    on_detach: Option<Box<dyn FnOnce() + Send>>,
}

enum Way {
    /// What comes is thrown away: the process has no input, or the client asked for none.
    None,
    /// The process does not run yet.
    Coming(oneshot::Receiver<Box<dyn ProcessInput>>),
    Open(Box<dyn ProcessInput>),
}

impl AttachedInput {
    /// A way in that leads nowhere: the client only listens.
    pub(crate) fn none() -> Self {
        let keys = Watched::new(DetachKeys::default());
        Self { way: Way::None, closes: false, tty: false, keys, on_detach: None }
    }

    /// A way in that is open.
    pub(crate) fn open(input: Box<dyn ProcessInput>) -> Self {
        Self { way: Way::Open(input), ..Self::none() }
    }

    /// A way in that opens when the process starts.
    pub(crate) fn coming(input: oneshot::Receiver<Box<dyn ProcessInput>>) -> Self {
        Self { way: Way::Coming(input), ..Self::none() }
    }

    /// The rules: whether the process's input ends with this client's, whether it is a terminal, and what leaves it.
    pub(crate) fn with(
        self,
        closes: bool,
        tty: bool,
        keys: DetachKeys,
        on_detach: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self { closes, tty, keys: Watched::new(keys), on_detach: Some(Box::new(on_detach)), ..self }
    }

    /// Takes what the client sent. Waits while the process does not run yet or does not read.
    pub async fn write(&mut self, bytes: &[u8]) -> AfterInput {
        if matches!(self.way, Way::None) {
            return AfterInput::More;
        }
        let (typed, left) = if self.tty { self.keys.take(bytes) } else { (bytes.to_vec(), false) };
        if let Some(input) = self.opened().await
            && let Err(e) = input.write(&typed).await
        {
            // The process reads no more; the client learns of it by the end of the output.
            tracing::debug!("input was not taken: {e}");
        }
        if left {
            if let Some(tell) = self.on_detach.take() {
                tell();
            }
            return AfterInput::Leave;
        }
        AfterInput::More
    }

    /// The client sends no more.
    pub async fn end(&mut self) -> AfterInput {
        if matches!(self.way, Way::None) {
            return AfterInput::Listen;
        }
        if self.tty || !self.closes {
            return AfterInput::Leave;
        }
        if let Some(input) = self.opened().await
            && let Err(e) = input.close().await
        {
            tracing::debug!("input could not be ended: {e}");
        }
        AfterInput::Listen
    }

    async fn opened(&mut self) -> Option<&mut Box<dyn ProcessInput>> {
        if let Way::Coming(coming) = &mut self.way {
            // A process that was not started after all has no input.
            self.way = coming.await.map_or(Way::None, Way::Open);
        }
        match &mut self.way {
            Way::Open(input) => Some(input),
            Way::None | Way::Coming(_) => None,
        }
    }
}

/// Those who attached to a container that does not run yet, and whether there is a process to attach to.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) up: bool,
    pub(crate) clients: Vec<WaitingClient>,
}

/// One who waits.
pub(crate) struct WaitingClient {
    pub(crate) request: crate::seam::AttachRequest,
    pub(crate) output: oneshot::Sender<ProcessOutput>,
    pub(crate) input: oneshot::Sender<Box<dyn ProcessInput>>,
}

impl WaitingClient {
    /// Hands it what it waited for.
    pub(crate) fn serve(self, attached: Result<Attached, RuntimeError>) {
        match attached {
            // One that has gone meanwhile does not get it.
            Ok(Attached { output, input, .. }) => drop((self.output.send(output), self.input.send(input))),
            Err(e) => tracing::warn!("a client could not be attached: {e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<(Vec<u8>, bool)>>);

    #[async_trait]
    impl ProcessInput for Paper {
        async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().0.extend_from_slice(bytes);
            Ok(())
        }

        async fn close(&mut self) -> io::Result<()> {
            self.0.lock().unwrap().1 = true;
            Ok(())
        }
    }

    fn input(paper: &Paper, closes: bool, tty: bool) -> AttachedInput {
        AttachedInput::open(Box::new(paper.clone())).with(closes, tty, DetachKeys::default(), || {})
    }

    #[tokio::test]
    async fn the_end_of_input_means_what_docker_means_by_it() {
        for (closes, tty, after, closed) in [
            (true, false, AfterInput::Listen, true),
            (false, false, AfterInput::Leave, false),
            (true, true, AfterInput::Leave, false),
        ] {
            let paper = Paper::default();
            let mut input = input(&paper, closes, tty);
            assert_eq!(input.write(b"x").await, AfterInput::More);
            assert_eq!(input.end().await, after);
            assert_eq!(*paper.0.lock().unwrap(), (b"x".to_vec(), closed));
        }
        assert_eq!(AttachedInput::none().end().await, AfterInput::Listen);
    }

    #[tokio::test]
    async fn keys_leave_a_terminal_and_nothing_else() {
        let (paper, told) = (Paper::default(), Arc::new(Mutex::new(false)));
        let tell = told.clone();
        let mut input =
            AttachedInput::open(Box::new(paper.clone()))
                .with(true, true, DetachKeys::default(), move || *tell.lock().unwrap() = true);
        assert_eq!(input.write(b"ls\n\x10").await, AfterInput::More);
        assert_eq!(input.write(b"\x11").await, AfterInput::Leave);
        assert_eq!(paper.0.lock().unwrap().0, b"ls\n");
        assert!(*told.lock().unwrap());
        let mut plain = super::tests::input(&paper, true, false);
        assert_eq!(plain.write(b"\x10\x11").await, AfterInput::More);
        assert_eq!(paper.0.lock().unwrap().0, b"ls\n\x10\x11");
    }

    #[tokio::test]
    async fn input_waits_for_a_process_that_is_not_there_yet() {
        let (sender, receiver) = oneshot::channel::<Box<dyn ProcessInput>>();
        let paper = Paper::default();
        let mut input = AttachedInput::coming(receiver).with(true, false, DetachKeys::default(), || {});
        let typing = tokio::spawn(async move { (input.write(b"early").await, input.end().await) });
        tokio::task::yield_now().await;
        drop(sender.send(Box::new(paper.clone())));
        assert_eq!(typing.await.unwrap(), (AfterInput::More, AfterInput::Listen));
        assert_eq!(*paper.0.lock().unwrap(), (b"early".to_vec(), true));
    }
}
