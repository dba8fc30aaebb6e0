//! Questions of any program in a container, and answers of any server of the outside.

use super::{
    Carrier, Verdict, answer, forward,
    tests::{book, question},
};
use hickory_proto::{op::Message, rr::RecordType};
use proptest::prelude::*;

fn asked() -> impl Strategy<Value = Vec<u8>> {
    let kinds = [RecordType::A, RecordType::AAAA, RecordType::PTR, RecordType::MX, RecordType::ANY];
    let names = ["web.", "crowd.", "example.org.", "2.0.18.172.in-addr.arpa."];
    (0..kinds.len(), 0..names.len()).prop_map(move |(kind, name)| question(names[name], kinds[kind]).to_vec().unwrap())
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer_that_can_be_read_or_none(
        bytes in prop_oneof![asked().prop_flat_map(berth_fuzz::damaged), any::<Vec<u8>>()], turn: usize, stream: bool,
    ) {
        let carrier = if stream { Carrier::Stream } else { Carrier::Datagram };
        match answer(&bytes, carrier, &book(), turn) {
            Verdict::Reply(reply) | Verdict::Forward { otherwise: reply } => {
                prop_assert!(stream || reply.len() <= 1232);
                let reply = Message::from_vec(&reply).unwrap();
                prop_assert_eq!(&reply.metadata.id.to_be_bytes()[..], &bytes[..2]);
            }
            Verdict::Ignore => {}
        }
    }

    #[test]
    fn an_answer_is_taken_only_for_its_own_question(
        (asked, other, damaged) in (asked(), asked(), asked().prop_flat_map(berth_fuzz::damaged)),
    ) {
        let reply = |question: &[u8]| Message::from_vec(question).unwrap().into_response().to_vec().unwrap();
        prop_assert!(forward::answers(&reply(&asked), &asked));
        prop_assert_eq!(forward::answers(&reply(&other), &asked), other == asked);
        // A question is no answer, even to itself.
        prop_assert!(!forward::answers(&asked, &asked));
        forward::answers(&damaged, &asked);
    }
}
