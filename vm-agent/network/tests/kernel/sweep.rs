//! What is left behind, and what another engine takes over.

use crate::ground::*;
use std::collections::BTreeSet;

#[test]
fn nothing_of_a_container_is_left_after_it_and_its_place_is_free() {
    in_own_namespaces(|dir| async move {
        let networks = networks(&dir);
        let plan = bridge('1', &["172.17.0.1/16"]);
        for _ in 0..3 {
            let a = attach(&networks, A, &plan, &["172.17.0.2/16"]).await;
            let endpoint = interface(A, &plan, "eth0", &[]).endpoint;
            for _ in 0..2 {
                networks.close_namespace(A, std::slice::from_ref(&endpoint)).await.unwrap();
            }
            assert!(!a.exists() && !interfaces().contains("vb"), "{}", interfaces());
        }
    });
}

#[test]
fn a_second_engine_takes_over_what_runs_and_sweeps_the_rest() {
    in_own_namespaces(|dir| async move {
        let one = bridge('1', &["172.18.0.1/16"]);
        let two = bridge('2', &["172.19.0.1/16"]);
        let (kept, stray) = {
            let first = networks(&dir);
            let kept = attach(&first, A, &one, &["172.18.0.2/16"]).await;
            (kept, attach(&first, B, &two, &["172.19.0.2/16"]).await)
        };
        let second = networks(&dir);
        second.make(&one).await.unwrap();
        let endpoints = BTreeSet::from([interface(A, &one, "eth0", &[]).endpoint]);
        second.sweep(&BTreeSet::from([A.to_owned()]), &endpoints, std::slice::from_ref(&one)).await.unwrap();
        assert!(kept.exists() && !stray.exists());
        let links = interfaces();
        assert!(links.contains("vbaaaaaa111111") && !links.contains("vbbbbbbb222222"), "{links}");
        assert!(links.contains("br-111111111111") && !links.contains("br-222222222222"), "{links}");
        let _listener = listen(&kept, 80);
        connect(ip("172.18.0.2"), 80).unwrap();
        attach(&second, B, &one, &["172.18.0.3/16"]).await;
        connect(ip("172.18.0.2"), 80).unwrap();
    });
}
