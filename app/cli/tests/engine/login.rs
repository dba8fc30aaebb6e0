//! Logins: docker's words, docker's file, and to whom they are shown.

use crate::{Berth, fake::Engine, told};
use serde_json::{Value, json};
use std::{os::unix::fs::PermissionsExt, path::Path, process::Stdio};
use tokio::io::AsyncWriteExt;

fn config(berth: &Berth) -> Value {
    let text = std::fs::read(berth.home.path().join("docker/config.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn file(berth: &Berth) -> String {
    berth.home.path().join("docker/config.json").display().to_string()
}

fn shown(berth: &Berth) -> Vec<Value> {
    std::mem::take(&mut *berth.engine.shown.lock().unwrap())
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

/// With a line on standard input.
async fn typing(berth: &Berth, arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = berth.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    told(&child.wait_with_output().await.unwrap())
}

#[tokio::test]
async fn a_login_is_kept_in_dockers_file_and_shown_to_its_own_registry_alone() {
    let berth = Berth::with(Engine::new(None));
    let login = ["login", "-u", "me", "--password-stdin", "https://r.example:5000/v2/"];
    let (code, out, err) = typing(&berth, &login, "wrong\n").await;
    let refusal = "berth: login attempt to https://r.example:5000/v2/ failed with status: 401 Unauthorized\n";
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with(refusal), "{err}");
    assert!(!Path::new(&file(&berth)).exists());

    let (code, out, err) = typing(&berth, &login, "right\r\n").await;
    let warning = format!(
        "\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n",
        file(&berth)
    );
    assert_eq!((code, out.as_str(), err), (0, "Login Succeeded\n", warning));
    assert_eq!(config(&berth), json!({"auths": {"r.example:5000": {"auth": "bWU6cmlnaHQ="}}}));
    assert_eq!(std::fs::metadata(file(&berth)).unwrap().permissions().mode() & 0o777, 0o600);
    shown(&berth);

    for (image, with_login) in [
        ("r.example:5000/app", true),
        ("r.example/app", false),
        ("nginx", false),
        ("evil.example/r.example:5000/app", false),
    ] {
        assert_eq!(berth.run(&["pull", image]).await.0, 0);
        let sent: Vec<_> = shown(&berth).iter().map(|login| login["password"].clone()).collect();
        assert_eq!(sent, if with_login { vec![json!("right")] } else { vec![] }, "{image}");
    }
    *berth.engine.image_is_there.lock().unwrap() = false;
    assert_eq!(berth.run(&["create", "r.example:5000/app"]).await.0, 0);
    assert_eq!(shown(&berth).len(), 1, "a create that pulls shows it too");

    let (code, out, err) = berth.run(&["logout", "r.example:5000"]).await;
    assert_eq!((code, out.as_str(), err.as_str()), (0, "Removing login credentials for r.example:5000\n", ""));
    assert_eq!(config(&berth), json!({"auths": {}}));
    let hub = "Removing login credentials for https://index.docker.io/v1/\n";
    assert_eq!(berth.run(&["logout"]).await, (0, hub.into(), String::new()));
}

#[tokio::test]
async fn a_token_is_kept_in_the_passwords_place() {
    let berth = Berth::with(Engine::new(None));
    let (code, out, err) = berth.run(&["login", "-u", "me", "-p", "right", "token.example"]).await;
    assert_eq!((code, out.as_str()), (0, "Login Succeeded\n"), "{err}");
    assert!(err.starts_with("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n"), "{err}");
    assert_eq!(config(&berth)["auths"]["token.example"], json!({"auth": "bWU6", "identitytoken": "t0ken"}));
    shown(&berth);
    assert_eq!(berth.run(&["pull", "token.example/app"]).await.0, 0);
    let sent = shown(&berth);
    assert_eq!((&sent[0]["identitytoken"], &sent[0]["password"]), (&json!("t0ken"), &json!("")));
}

#[tokio::test]
async fn what_is_kept_is_tried_first_and_nobody_is_asked_without_a_terminal() {
    let berth = Berth::with(Engine::new(None));
    let no_terminal = "berth: Error: Cannot perform an interactive login from a non TTY device\n";
    for arguments in [&["login", "r.example"][..], &["login", "-u", "me", "r.example"]] {
        assert_eq!(berth.run(arguments).await, (1, String::new(), no_terminal.into()), "{arguments:?}");
    }
    for (arguments, said) in [
        (
            &["login", "-u", "me", "-p", "x", "--password-stdin"][..],
            "conflicting options: cannot specify both --password and --password-stdin",
        ),
        (&["login", "--password-stdin"], "the --password-stdin option requires --username to be set"),
    ] {
        assert_eq!(berth.run(arguments).await, (1, String::new(), format!("berth: {said}\n")));
    }
    assert_eq!(berth.run(&["login", "-u", "me", "-p", "right", "r.example"]).await.0, 0);
    let (code, out, err) = berth.run(&["login", "r.example"]).await;
    assert_eq!((code, out.as_str()), (0, "Login Succeeded\n"));
    assert!(err.starts_with("Authenticating with existing credentials...\n"), "{err}");
    // Docker's own program would write it so: me:old
    std::fs::write(file(&berth), r#"{"auths": {"r.example": {"auth": "bWU6b2xk"}}}"#).unwrap();
    let (code, _, err) = berth.run(&["login", "r.example"]).await;
    let said =
        format!("Authenticating with existing credentials...\nStored credentials invalid or expired\n{no_terminal}");
    assert_eq!((code, err), (1, said));
}

#[tokio::test]
async fn a_helper_keeps_what_docker_lets_it_keep() {
    let berth = Berth::with(Engine::new(None));
    let folder = berth.home.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let helper = folder.join("docker-credential-test");
    let script = format!(
        "#!/bin/sh\ncd {}\ncase \"$1\" in store) cat > kept;; get) cat > asked; cat kept || {{ echo credentials not found in native keychain; exit 1; }};; erase) cat > asked; rm kept;; esac",
        folder.display()
    );
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir_all(berth.home.path().join("docker")).unwrap();
    std::fs::write(file(&berth), r#"{"credHelpers": {"r.example": "test"}, "credsStore": "missing", "x": 1}"#).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let run = async |arguments: &[&str]| told(&berth.command(arguments).env("PATH", &path).output().await.unwrap());

    let (code, out, err) = run(&["login", "-u", "me", "-p", "right", "r.example"]).await;
    assert_eq!((code, out.as_str()), (0, "Login Succeeded\n"), "{err}");
    assert!(!err.contains("unencrypted"), "{err}");
    let kept: Value = serde_json::from_slice(&std::fs::read(folder.join("kept")).unwrap()).unwrap();
    assert_eq!(kept, json!({"ServerURL": "r.example", "Username": "me", "Secret": "right"}));
    assert_eq!(config(&berth)["auths"], json!({"r.example": {}}), "the secret is in no file of docker's");
    shown(&berth);
    assert_eq!(run(&["pull", "r.example/app"]).await.0, 0);
    assert_eq!(shown(&berth)[0]["password"], "right");
    assert_eq!(std::fs::read_to_string(folder.join("asked")).unwrap(), "r.example");
    assert_eq!(run(&["logout", "r.example"]).await.0, 0);
    assert!(!folder.join("kept").exists());
    assert_eq!(config(&berth)["x"], 1);

    // One that is set up and not there hides no image that everyone may pull.
    let (code, out, _) = run(&["pull", "other.example/app"]).await;
    assert_eq!(code, 0);
    assert!(
        out.contains(
            "WARNING: going on without a login at other.example: run the credential helper docker-credential-missing"
        ),
        "{out}"
    );
}
