use super::{Carrier, Names, Verdict, answer};
use hickory_proto::{
    op::{Edns, Message, OpCode, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use std::{collections::BTreeMap, net::IpAddr};

/// A directory in memory.
pub(super) struct Book {
    names: BTreeMap<&'static str, Vec<IpAddr>>,
    outside: bool,
}

impl Names for Book {
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        self.names.get(name).cloned()
    }

    fn name_of(&self, address: IpAddr) -> Option<String> {
        let entry = self.names.iter().find(|(_, addresses)| addresses.contains(&address))?;
        Some(format!("{}.shop", entry.0))
    }

    fn may_ask_outside(&self) -> bool {
        self.outside
    }
}

pub(super) fn book() -> Book {
    let web: Vec<IpAddr> =
        vec!["172.18.0.2".parse().unwrap(), "fd00::2".parse().unwrap(), "172.18.0.3".parse().unwrap()];
    let crowd = (0..200).map(|n| IpAddr::from([10, 0, 0, n])).collect();
    Book { names: BTreeMap::from([("web", web), ("crowd", crowd), ("silent", vec![])]), outside: true }
}

pub(super) fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.id = 7;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn ask(book: &Book, message: &Message, carrier: Carrier, turn: usize) -> Message {
    match answer(&message.to_vec().unwrap(), carrier, book, turn) {
        Verdict::Reply(bytes) => Message::from_vec(&bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn addresses(reply: &Message) -> Vec<String> {
    reply.answers.iter().filter_map(|record| record.data.ip_addr()).map(|ip| ip.to_string()).collect()
}

#[test]
fn a_known_name_has_its_addresses_of_the_family_asked_for_in_turn() {
    let v4 = question("Web.", RecordType::A);
    let reply = ask(&book(), &v4, Carrier::Datagram, 0);
    assert_eq!(addresses(&reply), ["172.18.0.2", "172.18.0.3"]);
    assert!(reply.metadata.recursion_available && reply.metadata.recursion_desired && reply.metadata.id == 7);
    assert_eq!(addresses(&ask(&book(), &v4, Carrier::Datagram, 1)), ["172.18.0.3", "172.18.0.2"]);
    assert_eq!(addresses(&ask(&book(), &question("web.", RecordType::AAAA), Carrier::Datagram, 5)), ["fd00::2"]);
}

#[test]
fn a_known_name_without_such_a_record_is_no_error_and_stays_inside() {
    for (name, kind) in [("silent.", RecordType::A), ("web.", RecordType::MX), ("web.", RecordType::HTTPS)] {
        let reply = ask(&book(), &question(name, kind), Carrier::Datagram, 0);
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError, "{name}");
        assert!(reply.answers.is_empty());
    }
}

#[test]
fn an_address_has_its_name_and_a_subnet_none() {
    let reply = ask(&book(), &question("2.0.18.172.in-addr.arpa.", RecordType::PTR), Carrier::Datagram, 0);
    assert!(matches!(&reply.answers[0].data, RData::PTR(name) if name.0.to_ascii() == "web.shop."));
    let six = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.";
    assert_eq!(ask(&book(), &question(six, RecordType::PTR), Carrier::Datagram, 0).answers.len(), 1);
    for elsewhere in ["9.0.18.172.in-addr.arpa.", "18.172.in-addr.arpa.", "web."] {
        let bytes = question(elsewhere, RecordType::PTR).to_vec().unwrap();
        assert!(matches!(answer(&bytes, Carrier::Datagram, &book(), 0), Verdict::Forward { .. }), "{elsewhere}");
    }
}

#[test]
fn an_unknown_name_goes_outside_unless_the_container_may_not() {
    let bytes = question("example.org.", RecordType::A).to_vec().unwrap();
    let Verdict::Forward { otherwise } = answer(&bytes, Carrier::Datagram, &book(), 0) else { panic!("kept") };
    assert_eq!(Message::from_vec(&otherwise).unwrap().metadata.response_code, ResponseCode::ServFail);
    let inside = Book { outside: false, ..book() };
    let reply = ask(&inside, &question("example.org.", RecordType::A), Carrier::Datagram, 0);
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
}

#[test]
fn a_long_answer_is_cut_to_a_datagram_and_whole_on_a_stream() {
    let mut asked = question("crowd.", RecordType::A);
    let fits = |reply: &Message, room: usize| reply.to_vec().unwrap().len() <= room && !reply.answers.is_empty();
    let plain = ask(&book(), &asked, Carrier::Datagram, 0);
    assert!(plain.metadata.truncation && fits(&plain, 512) && plain.answers.len() >= 29, "{}", plain.answers.len());
    assert_eq!(ask(&book(), &asked, Carrier::Stream, 0).answers.len(), 200);
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    asked.edns = Some(edns);
    let wide = ask(&book(), &asked, Carrier::Datagram, 0);
    assert!(fits(&wide, 1232) && wide.answers.len() > plain.answers.len() && wide.edns.is_some());
}

#[test]
fn what_is_no_question_is_told_or_left_alone() {
    let mut update = question("web.", RecordType::A);
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(ask(&book(), &update, Carrier::Stream, 0).metadata.response_code, ResponseCode::NotImp);
    let reply = question("web.", RecordType::A).into_response();
    assert_eq!(answer(&reply.to_vec().unwrap(), Carrier::Stream, &book(), 0), Verdict::Ignore);
    assert_eq!(answer(b"short", Carrier::Stream, &book(), 0), Verdict::Ignore);
    let Verdict::Reply(told) = answer(&[0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63], Carrier::Datagram, &book(), 0) else {
        panic!("not told");
    };
    let told = Message::from_vec(&told).unwrap();
    assert_eq!((told.metadata.id, told.metadata.response_code), (9, ResponseCode::FormErr));
}

#[test]
fn a_label_with_a_dot_in_it_is_not_two() {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_labels([&b"web.x"[..]]).unwrap(), RecordType::A));
    let dotted = Book { names: BTreeMap::from([("web.x", vec![])]), outside: true };
    assert!(matches!(answer(&message.to_vec().unwrap(), Carrier::Datagram, &dotted, 0), Verdict::Forward { .. }));
}
