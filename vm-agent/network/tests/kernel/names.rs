//! Names: a container's programs ask `127.0.0.11`.

use crate::ground::*;
use berth_network::{
    Origin,
    dns::{Look, Names, Resolver},
};
use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RecordType},
};
use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 0, 0, 11), 53);
const NFT: &str = "/usr/sbin/nft";

struct OneName;

impl Names for OneName {
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        (name == "db").then(|| vec![[172, 18, 0, 2].into()])
    }

    fn name_of(&self, _: IpAddr) -> Option<String> {
        None
    }

    fn may_ask_outside(&self) -> bool {
        true
    }
}

/// A container whose programs have a name server that asks `outside` for what it does not know.
async fn container(dir: &Path, outside: Vec<SocketAddr>) -> (PathBuf, Resolver) {
    let namespace = networks(dir).open_namespace(A, Origin::New).await.unwrap();
    let look: Look = Arc::new(|| Box::new(OneName));
    let open = || Resolver::open(namespace.clone(), NFT.into(), look.clone(), outside.clone());
    // Twice, as an engine that was replaced does: the second is the one that answers.
    drop(open().await.unwrap());
    let resolver = open().await.unwrap();
    (namespace, resolver)
}

/// What a program of the container asks for, while its name server goes on.
async fn asked<T: Send + 'static>(namespace: PathBuf, ask: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(move || inside(&namespace, ask)).await.unwrap()
}

fn question(name: &str) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    message.to_vec().unwrap()
}

fn by_datagram(name: &'static str) -> Message {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    // Connected: an answer from any other address or port would not be taken.
    socket.connect(SERVER).unwrap();
    socket.send(&question(name)).unwrap();
    let mut answer = [0; 4096];
    let len = socket.recv(&mut answer).unwrap();
    Message::from_vec(&answer[..len]).unwrap()
}

fn by_stream(names: &[&'static str]) -> Vec<Message> {
    let mut stream = TcpStream::connect(SERVER).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    names
        .iter()
        .map(|name| {
            let question = question(name);
            stream.write_all(&u16::try_from(question.len()).unwrap().to_be_bytes()).unwrap();
            stream.write_all(&question).unwrap();
            let mut len = [0; 2];
            stream.read_exact(&mut len).unwrap();
            let mut answer = vec![0; u16::from_be_bytes(len).into()];
            stream.read_exact(&mut answer).unwrap();
            Message::from_vec(&answer).unwrap()
        })
        .collect()
}

fn first(message: &Message) -> Option<IpAddr> {
    message.answers.first().and_then(|record| record.data.ip_addr())
}

/// A server of the outside that answers `n` questions: with an address, or with a failure.
fn outside(answers: Option<IpAddr>, n: usize) -> (SocketAddr, thread::JoinHandle<()>) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let address = socket.local_addr().unwrap();
    let server = thread::spawn(move || {
        for _ in 0..n {
            let mut bytes = [0; 4096];
            let (len, client) = socket.recv_from(&mut bytes).unwrap();
            let asked = Message::from_vec(&bytes[..len]).unwrap();
            let mut reply = asked.clone().into_response();
            match answers {
                Some(IpAddr::V4(ip)) => {
                    let data = hickory_proto::rr::RData::A(ip.into());
                    reply.add_answer(hickory_proto::rr::Record::from_rdata(asked.queries[0].name.clone(), 60, data));
                }
                _ => reply.metadata.response_code = ResponseCode::Refused,
            }
            // One from nowhere first: it has another id, and is not taken.
            let mut forged = reply.clone();
            forged.metadata.id ^= 1;
            socket.send_to(&forged.to_vec().unwrap(), client).unwrap();
            socket.send_to(&reply.to_vec().unwrap(), client).unwrap();
        }
    });
    (address, server)
}

#[test]
fn a_name_is_answered_over_datagrams_and_streams_on_port_53() {
    in_own_namespaces(|dir| async move {
        let (namespace, _resolver) = container(&dir, vec![]).await;
        let ask = || (by_datagram("db."), by_stream(&["db.", "DB.", "elsewhere."]));
        let (one, many) = asked(namespace, ask).await;
        assert_eq!(first(&one), Some([172, 18, 0, 2].into()));
        assert_eq!(first(&many[1]), Some([172, 18, 0, 2].into()));
        // Nobody outside to ask.
        assert_eq!(many[2].metadata.response_code, ResponseCode::ServFail);
    });
}

#[test]
fn a_container_may_have_a_name_server_of_its_own_on_port_53() {
    in_own_namespaces(|dir| async move {
        let (namespace, _resolver) = container(&dir, vec![]).await;
        let ask = || {
            let _own = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 53)).unwrap();
            by_datagram("db.")
        };
        assert_eq!(first(&asked(namespace, ask).await), Some([172, 18, 0, 2].into()));
    });
}

#[test]
fn another_name_goes_to_the_next_server_when_the_first_refuses() {
    in_own_namespaces(|dir| async move {
        said("ip", &["link", "set", "lo", "up"]);
        let (refusing, first_server) = outside(None, 1);
        let (knowing, second_server) = outside(Some([192, 0, 2, 1].into()), 1);
        let (namespace, _resolver) = container(&dir, vec![refusing, knowing]).await;
        let answered = asked(namespace, || by_datagram("example.org.")).await;
        assert_eq!(first(&answered), Some([192, 0, 2, 1].into()));
        first_server.join().unwrap();
        second_server.join().unwrap();
    });
}
