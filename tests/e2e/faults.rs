//! A registry that does not say what it promised.

use berth_tests::{Home, Registry, Spoil};

#[test]
fn a_wrong_digest_or_a_cut_blob_never_becomes_an_image() {
    let (registry, home) = (Registry::start(), Home::up());
    for (how, said) in [(Spoil::Flip, "damaged"), (Spoil::Cut, "")] {
        let pulled = home.berth(&["pull", &format!("localhost:{}/busybox:latest", registry.spoilt(how))]);
        assert!(pulled.fails(1).contains(said), "{pulled}");
        assert_eq!(home.berth(&["images", "-q"]).ok(), "");
    }
    let image = registry.image("busybox:latest");
    assert_eq!(
        home.berth(&["run", "--rm", &image, "echo", "whole"]).ok(),
        "whole",
        "the true one is pulled afterwards"
    );
}
