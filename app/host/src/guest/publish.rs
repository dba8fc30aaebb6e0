//! The stream over which the engine asks for published ports. The host opens it, opens it again when it breaks, and
//! answers what comes.

use super::{Guest, ended};
use crate::ports::Ports;
use berth_machine::{
    Channel,
    framing::{self, FramingError},
};
use berth_protocol::{
    port,
    publish::{Answer, Ask, Moved, Outcome, Reply, Request},
};
use ipnet::IpNet;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

/// Its name in the log.
const WHAT: &str = "the stream over which the engine asks for ports";
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves the engine's wishes until the machine is gone, and tells it the host's routes.
pub async fn serve(guest: Guest, ports: Arc<Ports>, routes: watch::Receiver<Vec<IpNet>>) {
    while let Some(channel) = guest.open_again(port::PUBLISH, WHAT, PAUSE).await {
        ended(WHAT, answer(channel, &ports, routes.clone()).await);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Answers what comes, and says when a listener moved or the routes are others.
async fn answer(
    channel: Box<dyn Channel>,
    ports: &Ports,
    mut routes: watch::Receiver<Vec<IpNet>>,
) -> Result<(), FramingError> {
    let (mut from, mut to) = tokio::io::split(channel);
    let (answers, mut queue) = mpsc::unbounded_channel();
    let hear = async {
        while let Some(Request { id, ask }) = framing::read(&mut from).await? {
            tracing::debug!(?ask, "the engine asks");
            let outcome = obey(ask, ports).await;
            // The other end of the queue is held below.
            drop(answers.send(Answer::Reply(Reply { id, outcome })));
        }
        Ok(())
    };
    let watch = async {
        let (mut changed, mut told) = (ports.watch(), ports.whereabouts());
        while changed.changed().await.is_ok() {
            let now = ports.whereabouts();
            let moved = moved(&told, &now);
            if !moved.is_empty() {
                drop(answers.send(Answer::Moved(moved)));
            }
            told = now;
        }
        Ok(())
    };
    let look = async {
        // The engine may have started long after the boot that told it.
        routes.mark_changed();
        while routes.changed().await.is_ok() {
            drop(answers.send(Answer::Routes(routes.borrow_and_update().clone())));
        }
        // Nobody looks any more; the ports are still served.
        std::future::pending().await
    };
    let say = async {
        while let Some(answer) = queue.recv().await {
            framing::write(&mut to, &answer).await?;
        }
        Ok(())
    };
    tokio::select! {
        ended = hear => ended,
        ended = watch => ended,
        ended = look => ended,
        ended = say => ended,
    }
}

async fn obey(ask: Ask, ports: &Ports) -> Outcome {
    match ask {
        Ask::Publish(wanted) => match ports.publish(&wanted).await {
            Ok(addresses) => Outcome::Published(addresses),
            Err(refusal) => Outcome::Refused { why: refusal.to_string() },
        },
        Ask::Withdraw { container } => {
            ports.withdraw(&container).await;
            Outcome::Done
        }
        Ask::Resync(wanted) => Outcome::Published(ports.resync(&wanted).await),
    }
}

/// What the engine does not know yet: every publication of a container of which one that was there before listens elsewhere.
fn moved(told: &[Moved], now: &[Moved]) -> Vec<Moved> {
    let was = |one: &Moved| told.iter().find(|before| before.publication == one.publication);
    let elsewhere = |one: &Moved| was(one).is_some_and(|before| before.addresses != one.addresses);
    let containers: BTreeSet<_> =
        now.iter().filter(|one| elsewhere(one)).map(|one| &one.publication.container).collect();
    now.iter().filter(|one| containers.contains(&one.publication.container)).cloned().collect()
}
