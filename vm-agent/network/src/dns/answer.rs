//! One question, answered or handed on. Pure.

use super::Names;
use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType, rdata},
};
use std::net::IpAddr;

/// For how long a client may keep an answer, in seconds. Short: a container that is replaced has another address.
const TTL: u32 = 5;
/// What fits into a datagram when the client says nothing else (RFC 1035).
const PLAIN_DATAGRAM: u16 = 512;
/// What we say fits into a datagram to us: below the fragment size of any path.
const OUR_DATAGRAM: u16 = 1232;
/// A header: less is no message.
const HEADER_LEN: usize = 12;

/// What carries a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// A datagram, so that an answer may have to be cut.
    Datagram,
    /// A stream.
    Stream,
}

/// What becomes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is the answer.
    Reply(Vec<u8>),
    /// The servers of the outside know; this is the answer when none of them does.
    Forward {
        /// SERVFAIL.
        otherwise: Vec<u8>,
    },
    /// It is no question.
    Ignore,
}

/// Answers `question` from `names`. `turn` turns the list of a name with several addresses, so that each is first for
/// some client.
#[must_use]
pub fn answer(question: &[u8], carrier: Carrier, names: &dyn Names, turn: usize) -> Verdict {
    let asked = match Message::from_vec(question) {
        Ok(asked) if asked.metadata.message_type == MessageType::Query => asked,
        Ok(_) => return Verdict::Ignore,
        Err(_) => return malformed(question),
    };
    let reply = |code, answers| encode(&asked, code, answers, carrier);
    if asked.metadata.op_code != OpCode::Query {
        return reply(ResponseCode::NotImp, vec![]);
    }
    let [query] = asked.queries.as_slice() else {
        return reply(ResponseCode::FormErr, vec![]);
    };
    match look_up(query, names, turn) {
        Some(answers) => reply(ResponseCode::NoError, answers),
        None => match reply(ResponseCode::ServFail, vec![]) {
            Verdict::Reply(otherwise) if names.may_ask_outside() => Verdict::Forward { otherwise },
            refused => refused,
        },
    }
}

/// The records of a name that is ours; none for a type that it has not.
fn look_up(query: &Query, names: &dyn Names, turn: usize) -> Option<Vec<Record>> {
    if query.query_class != DNSClass::IN {
        return None;
    }
    let record = |data| Record::from_rdata(query.name.clone(), TTL, data);
    if query.query_type == RecordType::PTR {
        let net = query.name.parse_arpa_name().ok()?;
        // Shorter names are of whole subnets.
        let address = (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())?;
        let name = Name::from_ascii(names.name_of(address)? + ".").ok()?;
        return Some(vec![record(RData::PTR(rdata::PTR(name)))]);
    }
    let mut addresses = names.addresses(&text(&query.name)?)?;
    addresses.retain(|address| match query.query_type {
        RecordType::A => address.is_ipv4(),
        RecordType::AAAA => address.is_ipv6(),
        RecordType::ANY => true,
        _ => false,
    });
    if !addresses.is_empty() {
        let turns = turn % addresses.len();
        addresses.rotate_left(turns);
    }
    let data = addresses.into_iter().map(|address| match address {
        IpAddr::V4(address) => RData::A(rdata::A(address)),
        IpAddr::V6(address) => RData::AAAA(rdata::AAAA(address)),
    });
    Some(data.map(record).collect())
}

/// As people write it. A label may hold any byte: one with a dot in it would read as two.
fn text(name: &Name) -> Option<String> {
    let labels: Option<Vec<&str>> =
        name.iter().map(|label| std::str::from_utf8(label).ok().filter(|label| !label.contains('.'))).collect();
    Some(labels?.join(".").to_ascii_lowercase())
}

/// An answer that fits; what had to be left out is told of, and the client asks again over a stream.
fn encode(asked: &Message, code: ResponseCode, answers: Vec<Record>, carrier: Carrier) -> Verdict {
    let mut reply = Message::response(asked.metadata.id, asked.metadata.op_code);
    reply.metadata.recursion_desired = asked.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    reply.metadata.response_code = code;
    reply.queries.clone_from(&asked.queries);
    reply.answers = answers;
    if asked.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(OUR_DATAGRAM);
        reply.edns = Some(edns);
    }
    let room = match (carrier, &asked.edns) {
        (Carrier::Stream, _) => usize::from(u16::MAX),
        (Carrier::Datagram, Some(edns)) => edns.max_payload().clamp(PLAIN_DATAGRAM, OUR_DATAGRAM).into(),
        (Carrier::Datagram, None) => PLAIN_DATAGRAM.into(),
    };
    loop {
        match reply.to_vec() {
            Ok(bytes) if bytes.len() <= room => return Verdict::Reply(bytes),
            Ok(bytes) if !reply.answers.is_empty() => {
                let each = bytes.len().div_ceil(reply.answers.len() + 1);
                let spare = (bytes.len() - room).div_ceil(each).max(1);
                reply.answers.truncate(reply.answers.len().saturating_sub(spare));
                reply.metadata.truncation = true;
            }
            // A question that fills a datagram by itself, or one that cannot be written again.
            _ => return Verdict::Ignore,
        }
    }
}

/// What is long enough to have a header is told that it is malformed.
fn malformed(question: &[u8]) -> Verdict {
    match question.first_chunk::<HEADER_LEN>() {
        Some([high, low, flags, ..]) if flags & 0x80 == 0 => {
            let id = u16::from_be_bytes([*high, *low]);
            let reply = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr).to_vec();
            reply.map_or(Verdict::Ignore, Verdict::Reply)
        }
        _ => Verdict::Ignore,
    }
}
