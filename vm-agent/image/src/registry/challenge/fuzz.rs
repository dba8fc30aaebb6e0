//! Headers of servers that say who may come in, and whom to ask.

use super::{super::origin, *};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
};
use reqwest::Url;

const GOOD: &str = concat!(
    r#"Basic realm="the \"old\" way", Bearer realm="https://auth.registry.example/token?x=1","#,
    r#"service="registry.example",scope="repository:team/app:pull,push" , Negotiate"#
);

fn challenge() -> impl Strategy<Value = Challenge> {
    // A value may hold everything that a header can carry.
    ("[a-z][a-z0-9-]{0,8}", btree_map("[a-z_]{1,8}", "[ -~é한]{0,20}", 0..4))
        .prop_map(|(scheme, parameters)| Challenge { scheme, parameters })
}

/// As a server may write it.
fn written(challenges: &[Challenge], shout: bool, comma: &str) -> String {
    let one = |challenge: &Challenge| {
        let quoted = |value: &str| value.replace('\\', r"\\").replace('"', r#"\""#);
        let parameters: Vec<_> =
            challenge.parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
        let scheme = if shout { challenge.scheme.to_uppercase() } else { challenge.scheme.clone() };
        format!("{scheme} {}", parameters.join(comma)).trim_end().to_owned()
    };
    challenges.iter().map(one).collect::<Vec<_>>().join(comma)
}

proptest! {
    #[test]
    fn what_a_server_means_is_read_however_it_is_written(
        challenges in vec(challenge(), 0..4), shout: bool, comma in prop_oneof![Just(","), Just(", "), Just(" ,\t")],
    ) {
        prop_assert_eq!(parse(&written(&challenges, shout, comma)), challenges);
    }

    #[test]
    fn a_damaged_header_never_sends_a_password_to_a_stranger(bytes in berth_fuzz::damaged(GOOD.as_bytes().to_vec())) {
        let registry: Url = "https://registry.example/v2/".parse().unwrap();
        for challenge in parse(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(!challenge.scheme.is_empty() && challenge.scheme == challenge.scheme.to_lowercase());
            let Some(realm) = challenge.parameters.get("realm").and_then(|realm| realm.parse::<Url>().ok()) else { continue };
            if origin::may_get_credentials(&registry, &realm, false) {
                let host = realm.host_str().unwrap_or_default();
                prop_assert!(host == "registry.example" || host.ends_with(".registry.example") , "{realm}");
                prop_assert_eq!(realm.scheme(), "https");
            }
        }
    }
}
