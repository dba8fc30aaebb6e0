use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Reference {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn names_are_completed_and_shown_as_docker_does() {
    for (written, canonical, familiar) in [
        ("nginx", "docker.io/library/nginx", "nginx"),
        ("nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"),
        ("library/nginx", "docker.io/library/nginx", "nginx"),
        ("docker.io/nginx", "docker.io/library/nginx", "nginx"),
        ("index.docker.io/library/nginx", "docker.io/library/nginx", "nginx"),
        ("grafana/grafana", "docker.io/grafana/grafana", "grafana/grafana"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/app", "localhost/app", "localhost/app"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b"),
        ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
        ("ghcr.io/a_b/c__d/e---f.g:T_1.x-2", "ghcr.io/a_b/c__d/e---f.g:T_1.x-2", "ghcr.io/a_b/c__d/e---f.g:T_1.x-2"),
        ("HOST/app", "HOST/app", "HOST/app"),
        ("host:8080", "docker.io/library/host:8080", "host:8080"),
    ] {
        let reference = parse(written);
        assert_eq!(reference.to_string(), canonical, "{written}");
        assert_eq!(reference.familiar(), familiar, "{written}");
    }
}

#[test]
fn a_digest_rides_along_with_or_without_a_tag() {
    let reference = parse(&format!("nginx:1.27@sha256:{HEX}"));
    assert_eq!((reference.tag(), reference.digest().unwrap().hex().as_str()), (Some("1.27"), HEX));
    let reference = parse(&format!("nginx@sha256:{HEX}")).or_latest();
    assert_eq!(reference.tag(), None);
    assert_eq!(parse("nginx").or_latest().tag(), Some("latest"));
}

#[test]
fn what_docker_refuses_is_refused() {
    for text in [
        " nginx",
        "nginx ",
        "a//b",
        "/a",
        "a/",
        "nginx:",
        "nginx:-a",
        "nginx:a b",
        "a..b",
        "a___b",
        "-a",
        "a-",
        "a.",
        "é",
        "http://a/b",
        "a:b:c",
        "host:port/app",
        "host:0/app",
        "host:70000/app",
        "[::1/app",
        "[::1]x/app",
        ".a/b.c",
        "-host.com/app",
        "a/../b",
    ] {
        assert_eq!(text.parse::<Reference>(), Err(InvalidReference::Format), "{text}");
    }
    assert_eq!("Nginx".parse::<Reference>(), Err(InvalidReference::Uppercase("Nginx".into())));
    assert_eq!(HEX.parse::<Reference>(), Err(InvalidReference::LooksLikeId(HEX.into())));
    assert_eq!("".parse::<Reference>(), Err(InvalidReference::Empty));
    assert_eq!("a".repeat(300).parse::<Reference>(), Err(InvalidReference::TooLong));
    assert!("a:".to_owned().chars().chain("x".repeat(129).chars()).collect::<String>().parse::<Reference>().is_err());
    assert!(matches!("a@sha256:12".parse::<Reference>(), Err(InvalidReference::Digest(_))));
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back_as_the_same_name(
        domain in proptest::option::of("[a-z]{1,8}\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?|localhost(:[1-9][0-9]{0,3})?"),
        // Without a domain, a dot in the first part would make it one.
        path in "[a-z0-9]{1,6}((_|__|-{1,3})[a-z0-9]{1,4}){0,2}(/[a-z0-9]{1,6}(\\.[a-z0-9]{1,4})?){0,3}",
        tag in proptest::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
    ) {
        let mut text = domain.map_or(path.clone(), |domain| format!("{domain}/{path}"));
        if let Some(tag) = tag {
            text = format!("{text}:{tag}");
        }
        let reference: Reference = text.parse().unwrap();
        prop_assert_eq!(&reference.to_string().parse::<Reference>().unwrap(), &reference);
        prop_assert_eq!(&reference.familiar().parse::<Reference>().unwrap(), &reference);
    }

    #[test]
    fn any_text_gives_an_answer_that_cannot_leave_its_place(text in "\\PC{0,80}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert!(!reference.path().split('/').any(|part| part.is_empty() || part == "." || part == ".."));
            prop_assert!(reference.to_string().is_ascii());
        }
    }
}
