use super::*;
use berth_protocol::publish::{Reply, Transport};
use tokio::io::DuplexStream;

fn publication(container: &str, host_port: u16) -> Publication {
    Publication {
        container: container.into(),
        name: "web".into(),
        host_ip: None,
        host_port,
        host_port_last: None,
        target: "172.17.0.2:80".parse().unwrap(),
        transport: Transport::Tcp,
    }
}

/// The host's end of a stream.
struct Host(DuplexStream);

impl Host {
    async fn asked(&mut self) -> Request {
        let mut prefix = [0; frame::PREFIX_LEN];
        self.0.read_exact(&mut prefix).await.unwrap();
        let mut body = vec![0; frame::body_len(prefix).unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        frame::decode(&body).unwrap()
    }

    async fn answer(&mut self, id: u64, outcome: Outcome) {
        self.say(Answer::Reply(Reply { id, outcome })).await;
    }

    async fn say(&mut self, answer: Answer) {
        self.0.write_all(&frame::encode(&answer).unwrap()).await.unwrap();
    }
}

fn connect(link: &PortLink) -> Host {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let link = link.clone();
    tokio::spawn(async move { link.serve(ours, |_| {}).await });
    Host(theirs)
}

fn at(port: u16) -> Vec<SocketAddr> {
    vec![SocketAddr::from(([127, 0, 0, 1], port))]
}

#[tokio::test]
async fn a_start_waits_for_the_hosts_answer_and_a_later_host_is_told_everything() {
    let link = PortLink::default();
    let mut host = connect(&link);
    let first = host.asked().await;
    assert_eq!(first.ask, Ask::Resync(vec![]));
    host.answer(first.id, Outcome::Done).await;

    let publishing = tokio::spawn({
        let link = link.clone();
        async move { link.publish(vec![publication("a", 0)]).await }
    });
    let request = host.asked().await;
    assert_eq!(request.ask, Ask::Publish(vec![publication("a", 0)]));
    host.answer(request.id, Outcome::Published(vec![at(49153)])).await;
    assert_eq!(publishing.await.unwrap(), Ok(vec![at(49153)]));

    drop(host);
    let mut host = connect(&link);
    assert_eq!(host.asked().await.ask, Ask::Resync(vec![publication("a", 49153)]), "the port it got, not any");
}

#[tokio::test]
async fn a_refusal_is_told_and_leaves_nothing_wanted() {
    let link = PortLink::default();
    let mut host = connect(&link);
    host.asked().await;
    let publishing = tokio::spawn({
        let link = link.clone();
        async move { link.publish(vec![publication("a", 80)]).await }
    });
    let request = host.asked().await;
    let why = "Bind for 127.0.0.1:80 failed: port is already allocated".to_owned();
    host.answer(request.id, Outcome::Refused { why: why.clone() }).await;
    assert_eq!(publishing.await.unwrap(), Err(PublishError::Refused(why)));
    drop(host);
    assert_eq!(connect(&link).asked().await.ask, Ask::Resync(vec![]));
}

#[tokio::test(start_paused = true)]
async fn without_a_host_a_start_fails_with_what_to_do() {
    let link = PortLink::default();
    let error = link.publish(vec![publication("a", 80)]).await.unwrap_err();
    assert_eq!(error, PublishError::NoHost);
    assert!(error.to_string().ends_with("Start it with: berth up"));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_silent_is_not_waited_for_and_gets_a_withdrawal() {
    let link = PortLink::default();
    let mut host = connect(&link);
    host.asked().await;
    assert_eq!(link.publish(vec![publication("a", 80)]).await, Err(PublishError::TimedOut(10)));
    assert_eq!(host.asked().await.ask, Ask::Publish(vec![publication("a", 80)]));
    assert_eq!(host.asked().await.ask, Ask::Withdraw { container: "a".into() });
}

#[tokio::test]
async fn a_withdrawal_names_the_container_and_is_not_repeated() {
    let link = PortLink::default();
    link.adopt(vec![publication("a", 80), publication("b", 81)]);
    let mut host = connect(&link);
    assert_eq!(host.asked().await.ask, Ask::Resync(vec![publication("a", 80), publication("b", 81)]));
    let withdrawing = tokio::spawn({
        let link = link.clone();
        async move {
            link.withdraw("a").await;
            link.withdraw("a").await;
        }
    });
    let request = host.asked().await;
    assert_eq!(request.ask, Ask::Withdraw { container: "a".into() });
    host.answer(request.id, Outcome::Done).await;
    withdrawing.await.unwrap();
    drop(host);
    assert_eq!(connect(&link).asked().await.ask, Ask::Resync(vec![publication("b", 81)]));
}

#[tokio::test]
async fn where_the_host_listens_after_a_reconnect_and_later_is_told() {
    let link = PortLink::default();
    link.adopt(vec![publication("a", 80), publication("b", 81)]);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (told, mut telling) = mpsc::unbounded_channel();
    let serving = link.clone();
    tokio::spawn(async move { serving.serve(ours, move |news| told.send(news).unwrap()).await });
    let mut host = Host(theirs);
    let request = host.asked().await;
    host.answer(request.id, Outcome::Published(vec![at(80), vec![]])).await;
    let moved = |container: &str, port, addresses| Moved { publication: publication(container, port), addresses };
    let taken_up = HostNews::Moved(vec![moved("a", 80, at(80)), moved("b", 81, vec![])]);
    assert_eq!(telling.recv().await.unwrap(), taken_up);
    // Whoever had it is gone.
    host.say(Answer::Moved(vec![moved("b", 81, at(81))])).await;
    assert_eq!(telling.recv().await.unwrap(), HostNews::Moved(vec![moved("b", 81, at(81))]));
    let routes = vec!["10.8.0.0/16".parse().unwrap()];
    host.say(Answer::Routes(routes.clone())).await;
    assert_eq!(telling.recv().await.unwrap(), HostNews::Routes(routes));
}

#[tokio::test]
async fn a_second_stream_takes_over_from_the_first() {
    let link = PortLink::default();
    let mut first = connect(&link);
    first.asked().await;
    let mut second = connect(&link);
    second.asked().await;
    drop(first);
    link.adopt(vec![publication("a", 80)]);
    let withdrawing = tokio::spawn({
        let link = link.clone();
        async move { link.withdraw("a").await }
    });
    let request = second.asked().await;
    assert_eq!(request.ask, Ask::Withdraw { container: "a".into() });
    second.answer(request.id, Outcome::Done).await;
    withdrawing.await.unwrap();
}
