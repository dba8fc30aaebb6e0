use super::*;

fn config(content: &str) -> (tempfile::TempDir, Logins) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), content).unwrap();
    let logins = Logins::of(DockerConfig::at(folder.path()));
    (folder, logins)
}

fn login(server: &str) -> Login {
    Login { server: server.into(), username: "me".into(), password: "canary:".into(), identity_token: String::new() }
}

#[tokio::test]
async fn dockers_file_is_read_however_old_it_is() {
    // me:canary:
    let (_folder, logins) = config(
        r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6Y2FuYXJ5Og=="}, "https://old.example/v1/": {"auth": "bWU6Y2FuYXJ5Og"},
            "token.example": {"auth": "bWU6", "identitytoken": "t"}, "empty.example": {}, "bad.example": {"auth": "!"}}}"#,
    );
    assert_eq!(logins.get(DOCKER_HUB).await.unwrap().unwrap(), login(DOCKER_HUB));
    assert_eq!(logins.get("old.example").await.unwrap().unwrap(), login("old.example"));
    let token = logins.get("token.example").await.unwrap().unwrap();
    assert_eq!((token.username.as_str(), token.password.as_str(), token.identity_token.as_str()), ("me", "", "t"));
    assert_eq!(logins.get("none.example").await.unwrap(), None);
    let said = logins.get("bad.example").await.unwrap_err().to_string();
    assert!(said.contains("the login of bad.example in ") && said.contains("its auth is not base64"), "{said}");
}

#[test]
fn a_login_shows_its_secrets_to_nobody() {
    let token = Login { identity_token: "t0ken".into(), ..login("r.example") };
    let shown = format!("{token:?}");
    assert!(shown.contains("r.example") && !shown.contains("canary") && !shown.contains("t0ken"), "{shown}");
}

/// A helper that keeps what it gets in files of its folder, and what it was called with in `calls`.
const HELPER: &str = r#"#!/bin/sh
    cd "$(dirname "$0")" || exit 1
    echo "$*" >> calls
    case "$1" in
        store) cat > kept ;;
        get) cat > asked; [ -s kept ] && cat kept || { echo "credentials not found in native keychain"; exit 1; } ;;
        erase) cat > asked; rm kept ;;
        *) exit 2 ;;
    esac"#;

#[cfg(unix)]
#[test]
fn a_helper_keeps_gives_and_forgets_and_no_secret_is_an_argument() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("docker-credential-test");
    std::fs::write(&program, HELPER).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    // By its whole path: the search path of a test is everybody's.
    let helper = Helper::at(program.display().to_string());
    let token = Login { password: String::new(), username: String::new(), identity_token: "t".into(), ..login("r") };
    let kept_and_forgotten = async {
        for login in [login("r"), token] {
            assert_eq!(helper.get("r").await.unwrap(), None);
            helper.store(&login).await.unwrap();
            assert_eq!(helper.get("r").await.unwrap(), Some(login));
            helper.erase("r").await.unwrap();
            assert_eq!(std::fs::read_to_string(folder.path().join("asked")).unwrap(), "r");
        }
    };
    tokio::runtime::Runtime::new().unwrap().block_on(kept_and_forgotten);
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    assert_eq!(calls, "get\nstore\nget\nerase\n".repeat(2));
}

#[test]
fn a_registrys_own_helper_goes_before_the_one_for_all() {
    let program = |config: &str, server: &str| {
        let config: Value = serde_json::from_str(config).unwrap();
        Helper::of(config.as_object().unwrap(), server).map(|helper| helper.map(|helper| helper.program().to_owned()))
    };
    let both = r#"{"credsStore": "all", "credHelpers": {"r:5000": "own", "https://s/": "s"}}"#;
    assert_eq!(program(both, "r:5000").unwrap().unwrap(), "docker-credential-own");
    assert_eq!(program(both, "s").unwrap().unwrap(), "docker-credential-s");
    assert_eq!(program(both, "r").unwrap().unwrap(), "docker-credential-all");
    assert_eq!(program("{}", "r").unwrap(), None);
    assert!(program(r#"{"credsStore": "../x"}"#, "r").is_err());
}
