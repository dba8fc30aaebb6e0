//! Names that were mistyped.

use super::*;
use proptest::prelude::*;

const GOOD: [&str; 6] = [
    "nginx",
    "docker.io/library/nginx:1.27",
    "localhost:5000/team/app-x__y:v1.2_3",
    "[::1]:5000/a/b",
    "ghcr.io/a/b.c@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "app:tag@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

fn mistyped() -> impl Strategy<Value = Vec<u8>> {
    (0..GOOD.len()).prop_flat_map(|at| berth_fuzz::damaged(GOOD[at].as_bytes().to_vec()))
}

proptest! {
    #[test]
    fn a_name_is_refused_or_means_the_same_in_every_form(bytes in mistyped()) {
        let text = String::from_utf8_lossy(&bytes);
        match text.parse::<Reference>() {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(name) => {
                prop_assert_eq!(name.to_string().parse::<Reference>(), Ok(name.clone()));
                prop_assert_eq!(name.familiar().parse::<Reference>(), Ok(name.clone()));
                let latest = name.clone().or_latest();
                prop_assert!(latest.tag().is_some() || latest.digest().is_some());
                prop_assert!(!name.path().contains(['\0', '\n', '%', '?', '#', ' ']) && !name.path().contains(".."));
            }
        }
    }
}
