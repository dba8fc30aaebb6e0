//! The resolver at the gateway's address. Addresses and names are looked up by the host's system, so that its hosts file
//! and its VPN's split DNS hold; every other question goes to the name servers that the system is set to.

mod forward;
mod names;
mod system;

use berth_protocol::uplink;
use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType, rdata},
};
pub(crate) use names::Names;
use std::{net::IpAddr, time::Instant};
use system::Missing;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::Semaphore,
};

/// The port of DNS.
pub(crate) const PORT: u16 = 53;
/// How long an answer of the host's may be kept, seconds: the system does not tell, and keeps its own.
const LIFETIME: u32 = 10;
/// Questions looked up at once. Each may hold a thread while the system waits.
const AT_ONCE: usize = 64;
/// The most bytes of a datagram that a client takes without saying so (RFC 1035, 4.2.1).
const PLAIN: u16 = 512;

/// How a question came, and how its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Datagram,
    Stream,
}

/// The resolver.
#[derive(Debug)]
pub(crate) struct Dns {
    free: Semaphore,
    names: Names,
}

impl Default for Dns {
    fn default() -> Self {
        Self { free: Semaphore::new(AT_ONCE), names: Names::default() }
    }
}

impl Dns {
    /// By which names addresses were found.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The answer to the question in `bytes`; `None` when there is no question.
    pub(crate) async fn answer(&self, bytes: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let Ok(question) = Message::from_vec(bytes) else {
            // The number in front is enough to say that nothing else was understood.
            let id = u16::from_be_bytes(*bytes.first_chunk().filter(|_| bytes.len() >= 12)?);
            return Message::error_msg(id, OpCode::Query, ResponseCode::FormErr).to_vec().ok();
        };
        if question.metadata.message_type != MessageType::Query {
            return None;
        }
        let _held = self.free.acquire().await.ok()?;
        let answered = match &question.queries[..] {
            _ if question.metadata.op_code != OpCode::Query => Answer::Code(ResponseCode::NotImp),
            [query] if query.query_class() == DNSClass::IN => {
                let answered = look_up(query).await;
                if let Answer::Records(records) = &answered {
                    self.names.keep(&text(query.name()), records, Instant::now());
                }
                answered
            }
            [_] => Answer::Code(ResponseCode::NotImp),
            _ => Answer::Code(ResponseCode::FormErr),
        };
        let (code, records) = match answered {
            Answer::Records(records) => (ResponseCode::NoError, records),
            Answer::Code(code) => (code, vec![]),
            Answer::AskServers => match forward::ask(bytes, &question, transport).await {
                Some(answer) => return Some(answer),
                None => (ResponseCode::ServFail, vec![]),
            },
        };
        write(&question, code, records, transport)
    }

    /// Answers the questions that come over a stream, one after the other.
    pub(crate) async fn serve_stream(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        while let Ok(length) = stream.read_u16().await {
            let mut question = vec![0; length.into()];
            if stream.read_exact(&mut question).await.is_err() {
                return;
            }
            let Some(answer) = self.answer(&question, Transport::Stream).await else { return };
            let Ok(length) = u16::try_from(answer.len()) else { return };
            let whole = [&length.to_be_bytes()[..], &answer].concat();
            if stream.write_all(&whole).await.is_err() {
                return;
            }
        }
    }
}

enum Answer {
    Records(Vec<RData>),
    Code(ResponseCode),
    AskServers,
}

async fn look_up(query: &Query) -> Answer {
    let (name, kind) = (query.name(), query.query_type());
    if let Some(own) = own(name, kind) {
        return Answer::Records(own);
    }
    let found = match kind {
        RecordType::A | RecordType::AAAA if !name.is_root() => {
            system::addresses(name, kind == RecordType::A).await.map(|found| found.into_iter().map(address).collect())
        }
        RecordType::PTR => match reversed(name) {
            Some(address) => system::name(address).await.map(|name| vec![RData::PTR(rdata::PTR(name))]),
            None => return Answer::AskServers,
        },
        _ => return Answer::AskServers,
    };
    match found {
        Ok(records) => Answer::Records(records),
        Err(Missing::Name) => Answer::Code(ResponseCode::NXDomain),
        Err(Missing::Now) => Answer::Code(ResponseCode::ServFail),
    }
}

/// What the gateway knows itself: its name and the host's.
fn own(name: &Name, kind: RecordType) -> Option<Vec<RData>> {
    let all: [(&str, [IpAddr; 2]); 2] = [
        (uplink::HOST_NAME, [uplink::HOST.into(), uplink::HOST_V6.into()]),
        (uplink::GATEWAY_NAME, [uplink::GATEWAY.into(), uplink::GATEWAY_V6.into()]),
    ];
    let text = text(name);
    if let Some((_, addresses)) = all.iter().find(|(own, _)| own.eq_ignore_ascii_case(&text)) {
        let of_kind = |address: &&IpAddr| match kind {
            RecordType::A => address.is_ipv4(),
            RecordType::AAAA => address.is_ipv6(),
            _ => false,
        };
        return Some(addresses.iter().filter(of_kind).copied().map(address).collect());
    }
    let asked = reversed(name).filter(|_| kind == RecordType::PTR)?;
    let (own, _) = all.iter().find(|(_, addresses)| addresses.contains(&asked))?;
    Some(vec![RData::PTR(rdata::PTR(Name::from_ascii(format!("{own}.")).ok()?))])
}

/// A name without the dot at its end.
fn text(name: &Name) -> String {
    let mut text = name.to_ascii();
    text.truncate(text.trim_end_matches('.').len());
    text
}

/// The address whose name is asked for.
fn reversed(name: &Name) -> Option<IpAddr> {
    let network = name.parse_arpa_name().ok()?;
    (network.prefix_len() == network.max_prefix_len()).then(|| network.addr())
}

fn address(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(ip) => RData::A(rdata::A(ip)),
        IpAddr::V6(ip) => RData::AAAA(rdata::AAAA(ip)),
    }
}

fn write(question: &Message, code: ResponseCode, records: Vec<RData>, transport: Transport) -> Option<Vec<u8>> {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.response_code = code;
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.queries.clone_from(&question.queries);
    if let Some(query) = question.queries.first() {
        answer.add_answers(records.into_iter().map(|data| Record::from_rdata(query.name().clone(), LIFETIME, data)));
    }
    let room = question.edns.as_ref().map_or(PLAIN, |edns| edns.max_payload().max(PLAIN));
    if question.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(uplink::MTU);
        answer.set_edns(edns);
    }
    let bytes = answer.to_vec().ok()?;
    if transport == Transport::Stream || bytes.len() <= room.into() {
        Some(bytes)
    } else {
        answer.truncate().to_vec().ok()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn question(name: &str, kind: RecordType) -> Message {
        let mut question = Message::new(4711, MessageType::Query, OpCode::Query);
        question.metadata.recursion_desired = true;
        question.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        question
    }

    async fn ask(question: &Message, transport: Transport) -> Message {
        let bytes = Dns::default().answer(&question.to_vec().unwrap(), transport).await.unwrap();
        Message::from_vec(&bytes).unwrap()
    }

    async fn told(name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
        let answer = ask(&question(name, kind), Transport::Datagram).await;
        assert_eq!((answer.metadata.id, answer.metadata.recursion_available), (4711, true));
        (answer.metadata.response_code, answer.answers.iter().map(|record| record.data.to_string()).collect())
    }

    #[tokio::test]
    async fn host_and_gateway_have_names_and_their_addresses_have_them_too() {
        let ok = |text: &str| (ResponseCode::NoError, vec![text.to_owned()]);
        assert_eq!(told("Host.Docker.Internal.", RecordType::A).await, ok("198.19.87.2"));
        assert_eq!(told("host.docker.internal.", RecordType::AAAA).await, ok("fdbe:7268:7570::2"));
        assert_eq!(told("gateway.docker.internal.", RecordType::A).await, ok("198.19.87.1"));
        assert_eq!(told("2.87.19.198.in-addr.arpa.", RecordType::PTR).await, ok("host.docker.internal."));
        assert_eq!(told("host.docker.internal.", RecordType::MX).await, (ResponseCode::NoError, vec![]));
    }

    #[tokio::test]
    async fn the_hosts_file_of_the_system_holds() {
        assert_eq!(told("localhost.", RecordType::A).await, (ResponseCode::NoError, vec!["127.0.0.1".to_owned()]));
        assert_eq!(told("1.0.0.127.in-addr.arpa.", RecordType::PTR).await.0, ResponseCode::NoError);
    }

    #[tokio::test]
    async fn what_is_no_question_of_the_internet_is_refused() {
        let mut chaos = question("version.bind.", RecordType::TXT);
        chaos.queries[0].set_query_class(DNSClass::CH);
        assert_eq!(ask(&chaos, Transport::Datagram).await.metadata.response_code, ResponseCode::NotImp);
        let mut two = question("a.example.", RecordType::A);
        two.add_query(Query::query(Name::from_ascii("b.example.").unwrap(), RecordType::A));
        assert_eq!(ask(&two, Transport::Datagram).await.metadata.response_code, ResponseCode::FormErr);
        let mut notify = question("a.example.", RecordType::A);
        notify.metadata.op_code = OpCode::Notify;
        assert_eq!(ask(&notify, Transport::Datagram).await.metadata.response_code, ResponseCode::NotImp);
        assert_eq!(Dns::default().answer(&[0; 5], Transport::Datagram).await, None);
    }

    #[test]
    fn an_answer_that_does_not_fit_says_so_and_a_stream_carries_it() {
        let many: Vec<RData> = (0..100).map(|last| address([10, 0, 0, last].into())).collect();
        let question = question("many.example.", RecordType::A);
        let read = |transport| {
            let bytes = write(&question, ResponseCode::NoError, many.clone(), transport).unwrap();
            Message::from_vec(&bytes).unwrap()
        };
        let short = read(Transport::Datagram);
        assert!(short.metadata.truncation && short.answers.is_empty());
        let whole = read(Transport::Stream);
        assert!(!whole.metadata.truncation && whole.answers.len() == 100);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered_with_a_message_or_not_at_all(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            // Not looked up: what is asked must not reach a name server.
            if let Ok(message) = Message::from_vec(&bytes)
                && let Some(answer) = write(&message, ResponseCode::Refused, vec![], Transport::Datagram)
            {
                prop_assert!(Message::from_vec(&answer).is_ok());
            }
        }
    }
}
