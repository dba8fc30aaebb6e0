use super::*;
use crate::{
    ErrorKind,
    container::{ListOptions, Mount, MountKind, NetworkMode, PortBinding, RestartPolicy, Ulimit},
};

async fn said(case: &Case, change: impl FnOnce(&mut CreateContainer)) -> (String, ErrorKind) {
    let mut request = busybox("web", |_| {});
    change(&mut request);
    let error = case.engine.create_container(request).await.unwrap_err();
    (error.to_string(), error.kind())
}

#[tokio::test]
async fn bad_requests_are_refused_and_leave_nothing() {
    let case = Case::new().await;
    let (text, kind) = said(&case, |r| r.config.image = "nope".into()).await;
    assert_eq!((text.as_str(), kind), ("No such image: nope:latest", ErrorKind::NotFound));
    let (text, kind) = said(&case, |r| r.name = Some("we b".into())).await;
    assert_eq!(text, "Invalid container name (we b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    assert_eq!(kind, ErrorKind::InvalidParameter);
    let (text, _) = said(&case, |r| r.config.entrypoint = Some(vec![String::new()])).await;
    assert_eq!(text, "no command specified");
    let (text, kind) = said(&case, |r| r.host.pid_mode = "container:nobody".into()).await;
    assert_eq!((text.as_str(), kind), ("No such container: nobody", ErrorKind::NotFound));
    let (text, _) = said(&case, |r| r.host.volumes_from = vec!["nobody:ro".into()]).await;
    assert_eq!(text, "No such container: nobody");
    let (text, _) = said(&case, |r| r.host.security_opt = vec!["seccomp={}".into()]).await;
    assert_eq!(text, "decoding seccomp profile failed: unknown action \"\"");
    let (text, _) = said(&case, |r| r.host.binds = vec!["/proc/nope:/x".into()]).await;
    assert!(text.ends_with("bind source path does not exist: /proc/nope"), "{text}");
    let (text, _) = said(&case, |r| r.host.binds = vec!["/home/me:/src".into()]).await;
    assert!(text.contains("/home/me cannot be mounted"), "{text}");
    let (text, kind) = said(&case, |r| r.host.network_mode = NetworkMode::Named("mine".into())).await;
    assert_eq!((text.as_str(), kind), ("network mine not found", ErrorKind::InvalidParameter));
    for (key, value, expected) in [
        ("what", "1", "unknown log opt 'what' for json-file log driver"),
        ("tag", "{{.Nope}}", "failed to initialize logging driver: the tag has no field {{.Nope}}"),
        ("env-regex", "(", "failed to initialize logging driver: env-regex \"(\": "),
    ] {
        let (text, _) = said(&case, |r| drop(r.host.log_config.options.insert(key.into(), value.into()))).await;
        assert!(text.starts_with(expected), "{text}");
    }
    let (text, _) = said(&case, |r| {
        let port = "132/sctp".parse().unwrap();
        r.host.port_bindings.insert(port, vec![PortBinding::default()]);
    })
    .await;
    assert_eq!(text, "SCTP ports cannot be published, only TCP and UDP; leave out 132/sctp");
    let (text, _) = said(&case, |r| {
        r.host.auto_remove = true;
        r.host.restart_policy = RestartPolicy::Always;
    })
    .await;
    assert_eq!(text, "can't create 'AutoRemove' container with restart policy");
    let (text, _) = said(&case, |r| r.config.stop_signal = Some("SIGNOPE".into())).await;
    assert_eq!(text, "invalid signal: SIGNOPE");
    let (text, _) = said(&case, |r| r.host.log_config.driver = "journald".into()).await;
    assert_eq!(text, "logger: no log driver named 'journald' is registered");
    let (text, _) = said(&case, |r| r.host.ulimits = vec![Ulimit { name: "files".into(), soft: 1, hard: 1 }]).await;
    assert_eq!(text, "invalid ulimit type: files");
    let (text, _) = said(&case, |r| r.platform = Some("linux/s390x".into())).await;
    assert!(text.contains("does not match the specified platform: wanted linux/s390x"), "{text}");
    let (text, _) = said(&case, |r| {
        r.host.mounts = vec![Mount {
            kind: MountKind::Volume,
            source: "../etc".into(),
            target: "/x".into(),
            read_only: false,
            no_copy: false,
            labels: Default::default(),
            propagation: String::new(),
            non_recursive: false,
            read_only_reach: Default::default(),
            tmpfs_size: None,
            tmpfs_mode: None,
        }];
    })
    .await;
    assert!(text.contains("includes invalid characters for a local volume name"), "{text}");
    let all = ListOptions { all: true, ..ListOptions::default() };
    assert!(case.engine.list_containers(all).await.unwrap().is_empty());
    assert!(case.engine.list_volumes(Default::default()).await.unwrap().is_empty());
    case.nothing_is_left();
    case.create("web", |_| {}).await;
}

#[tokio::test]
async fn a_creation_that_fails_half_way_takes_its_volumes_and_its_name_back() {
    let case = Case::new().await;
    // A file where the last anonymous volume's directory is to be made.
    std::fs::write(case.dir.path().join("data/volumes/second"), "").unwrap();
    let failing = busybox("web", |host| host.binds = vec!["first:/a".into(), "second:/b".into()]);
    let error = case.engine.create_container(failing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(case.engine.list_volumes(Default::default()).await.unwrap().is_empty());
    case.nothing_is_left();
    case.create("web", |_| {}).await;
}

#[tokio::test]
async fn a_foreign_platform_is_warned_of() {
    let case = Case::new().await;
    case.fakes.images.add("far:latest", |image| image.architecture = "s390x".into());
    case.fakes.images.add("far:latest", |image| {
        image.architecture = "s390x".into();
        image.config.cmd = Some(vec!["x".into()]);
    });
    let mut request = busybox("far", |_| {});
    request.config.image = "far".into();
    let made = case.engine.create_container(request).await.unwrap();
    assert!(made.warnings[0].contains("platform (linux/s390x) does not match the detected host platform"), "{made:?}");
}
