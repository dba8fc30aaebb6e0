use super::*;
use crate::{
    Error, ErrorKind, Timestamp,
    attach::AttachOptions,
    container::{ListOptions, NetworkMode, PortBinding, RemoveOptions, RestartPolicy, StopOptions, WaitCondition},
    log::{LogOptions, Stdio},
    seam::StartError,
};
use berth_protocol::publish::Moved;
use futures_util::StreamExt;

fn publish(port: u16) -> impl FnOnce(&mut HostConfig) {
    move |host| {
        host.port_bindings.insert("80/tcp".parse().unwrap(), vec![PortBinding { port, ..PortBinding::default() }]);
    }
}

const END: Timestamp = Timestamp(1_800_000_100_000_000_000);

#[tokio::test]
async fn a_container_lives_and_leaves_nothing() {
    let case = Case::new().await;
    let id = case.create("web", publish(8080)).await;
    let made = case.engine.inspect_container("web").await.unwrap();
    assert_eq!((made.id.as_str(), made.state.status), (id.as_str(), ContainerState::Created));
    assert_eq!((made.path.as_str(), made.config.hostname.as_str()), ("sh", &id[..12]));
    assert!(made.network.networks["bridge"].address.is_none());

    case.engine.start_container("web").await.unwrap();
    let running = case.engine.inspect_container(&id[..8]).await.unwrap();
    assert_eq!(running.state.status, ContainerState::Running);
    assert!(running.state.pid > 0 && running.state.started_at.is_some());
    assert_eq!(running.network.networks["bridge"].address, Some([172, 17, 0, 2].into()));
    assert_eq!(running.network.ports[&"80/tcp".parse().unwrap()], ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(case.fakes.ports.published(), [(id.clone(), 8080)]);
    let hosts = std::fs::read_to_string(&running.hosts_path).unwrap();
    assert!(hosts.ends_with(&format!("172.17.0.2\t{}\n", &id[..12])), "{hosts}");
    assert_eq!(case.fakes.runtime.spec(&id)["process"]["args"], serde_json::json!(["sh"]));

    case.engine.stop_container("web", StopOptions::default()).await.unwrap();
    let stopped = case.engine.inspect_container("web").await.unwrap();
    assert_eq!((stopped.state.status, stopped.state.exit_code, stopped.state.pid), (ContainerState::Exited, 143, 0));
    assert_eq!(case.fakes.ports.published(), []);
    case.nothing_runs();

    case.engine.remove_container("web", RemoveOptions::default()).await.unwrap();
    assert_eq!(case.engine.inspect_container("web").await.unwrap_err().to_string(), "No such container: web");
    case.nothing_is_left();
}

#[tokio::test]
async fn of_two_removals_at_once_one_is_told_that_it_removed() {
    let case = Case::new().await;
    case.create("web", |_| {}).await;
    let remove = || case.engine.remove_container("web", RemoveOptions::default());
    let (one, other) = tokio::join!(remove(), remove());
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    case.nothing_is_left();
}

#[tokio::test]
async fn asking_twice_is_told_as_docker_tells_it() {
    let case = Case::new().await;
    let id = case.run("web", |_| {}).await;
    assert_eq!(case.engine.start_container("web").await.unwrap_err().kind(), ErrorKind::NotModified);
    let refused = case.engine.remove_container("web", RemoveOptions::default()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot remove container \"/web\": container is running: stop the container before removing or force remove"
    );
    case.engine.kill_container("web", None).await.unwrap();
    assert_eq!(case.state("web").await.exit_code, 137);
    let refused = case.engine.kill_container("web", None).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("cannot kill container: web: container {id} is not running"));
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let stopped = case.engine.stop_container("web", StopOptions::default()).await.unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::NotModified);
    let taken = case.engine.create_container(busybox("web", |_| {})).await.unwrap_err();
    assert!(taken.to_string().starts_with(&format!(
        "Conflict. The container name \"/web\" is already in use by container \"{id}\". You have to remove"
    )));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_will_not_stop_is_killed_after_the_timeout() {
    let case = Case::new().await;
    let id = case.run("stubborn", |_| {}).await;
    case.fakes.runtime.ignore(15);
    let asked = tokio::time::Instant::now();
    case.engine.stop_container("stubborn", StopOptions { timeout: Some(3), signal: None }).await.unwrap();
    assert!((3..5).contains(&asked.elapsed().as_secs()));
    assert_eq!(case.state("stubborn").await.exit_code, 137);
    case.engine.start_container(&id).await.unwrap();
    case.engine.stop_container(&id, StopOptions { timeout: None, signal: Some("INT".into()) }).await.unwrap();
    assert_eq!(case.state(&id).await.exit_code, 130);
}

#[tokio::test]
async fn a_missing_command_leaves_a_created_container_with_the_error() {
    let case = Case::new().await;
    case.create("bad", publish(8080)).await;
    for (error, code) in [
        (StartError::NotFound("exec: \"nope\": executable file not found in $PATH".into()), 127),
        (StartError::NotExecutable("exec: \"/etc\": permission denied".into()), 126),
        (StartError::Other("no memory".into()), 128),
    ] {
        case.fakes.runtime.fail_next(error.clone());
        let said = case.engine.start_container("bad").await.unwrap_err();
        assert!(said.to_string().ends_with(&format!("unable to start container process: {error}")), "{said}");
        let kind = if code == 128 { ErrorKind::Internal } else { ErrorKind::InvalidParameter };
        assert_eq!(said.kind(), kind);
        let state = case.state("bad").await;
        assert_eq!((state.status, state.exit_code), (ContainerState::Created, code));
        assert_eq!(state.error, said.to_string());
        case.nothing_runs();
    }
    case.engine.start_container("bad").await.unwrap();
    assert_eq!(case.state("bad").await.error, "");
}

#[tokio::test]
async fn a_port_that_is_taken_fails_the_start_and_nothing_stays() {
    let case = Case::new().await;
    case.run("first", publish(8080)).await;
    case.create("second", publish(8080)).await;
    let said = case.engine.start_container("second").await.unwrap_err().to_string();
    assert!(said.starts_with(
        "failed to set up container networking: driver failed programming external connectivity on endpoint second ("
    ));
    assert!(said.ends_with("Bind for 127.0.0.1:8080 failed: port is already allocated"), "{said}");
    assert_eq!(case.state("second").await.status, ContainerState::Created);
    assert_eq!((case.fakes.network.attached(), case.fakes.ports.published().len()), (1, 1));
    case.engine.remove_container("first", RemoveOptions { force: true, volumes: false }).await.unwrap();
    case.engine.start_container("second").await.unwrap();
}

#[tokio::test]
async fn a_port_that_the_host_lost_is_no_longer_shown() {
    let case = Case::new().await;
    let id = case.run("web", publish(8080)).await;
    let port = "80/tcp".parse().unwrap();
    let publication = case.engine.inner.roster.find(&id).unwrap().now().unwrap().publications[0].clone();
    let moved = |addresses: Vec<_>| vec![Moved { publication: publication.clone(), addresses }];
    case.engine.ports_moved(moved(vec![])).await;
    assert!(case.engine.inspect_container("web").await.unwrap().network.ports[&port].is_empty());
    case.engine.ports_moved(moved(vec!["127.0.0.1:8080".parse().unwrap()])).await;
    assert_eq!(case.engine.inspect_container("web").await.unwrap().network.ports[&port].len(), 1);
}

/// Its policy is about to start it again, and has begun to.
async fn restarted_just_now<'a>(case: &'a Case, name: &str) -> impl Drop + 'a {
    let id = case.run(name, |host| host.restart_policy = RestartPolicy::Always).await;
    let held_back = case.fakes.runtime.held_back().await;
    case.fakes.runtime.end(&id, 1, END);
    case.until(name, ContainerState::Restarting).await;
    let container = case.engine.inner.roster.find(name).unwrap();
    while container.operation.try_lock().is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    held_back
}

#[tokio::test]
async fn a_stop_or_a_removal_is_not_outrun_by_a_restart() {
    let case = Case::new().await;
    for name in ["stopped", "removed"] {
        let held_back = restarted_just_now(&case, name).await;
        let engine = case.engine.clone();
        let asked = tokio::spawn(async move {
            match name {
                "stopped" => engine.stop_container(name, StopOptions { timeout: None, signal: None }).await,
                _ => engine.remove_container(name, RemoveOptions { force: true, volumes: false }).await,
            }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(held_back);
        asked.await.unwrap().unwrap();
    }
    assert_eq!(case.state("stopped").await.status, ContainerState::Exited);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(case.state("stopped").await.status, ContainerState::Exited, "it stays so");
    case.nothing_runs();
    case.engine.remove_container("stopped", RemoveOptions { force: false, volumes: false }).await.unwrap();
    case.nothing_is_left();
}

#[tokio::test]
async fn a_container_with_rm_goes_with_its_end_and_its_waiter_gets_the_code() {
    let case = Case::new().await;
    let id = case.create("once", |host| host.auto_remove = true).await;
    let wait = case.engine.wait_container(&id, WaitCondition::Removed).await.unwrap();
    let mut attached = case
        .engine
        .attach_container(&id, AttachOptions { stdout: true, stderr: true, stream: true, ..AttachOptions::default() })
        .await
        .unwrap();
    case.engine.start_container(&id).await.unwrap();
    case.fakes.runtime.print(&id, Stdio::Stdout, "hello\n", END);
    assert_eq!(attached.output.next().await.unwrap().unwrap().bytes, "hello\n");
    case.fakes.runtime.print(&id, Stdio::Stderr, "bye\n", END);
    case.fakes.runtime.end(&id, 7, END);
    let last = attached.output.next().await.unwrap().unwrap();
    assert_eq!((last.stdio, &last.bytes[..]), (Stdio::Stderr, &b"bye\n"[..]));
    assert!(attached.output.next().await.is_none());
    assert_eq!(wait.outcome().await.exit_code, 7);
    case.nothing_is_left();
}

#[tokio::test]
async fn a_container_with_rm_that_cannot_start_goes_too() {
    let case = Case::new().await;
    let id = case.create("once", |host| host.auto_remove = true).await;
    case.fakes.runtime.fail_next(StartError::NotFound("exec: \"nope\": executable file not found in $PATH".into()));
    let wait = case.engine.wait_container(&id, WaitCondition::Removed).await.unwrap();
    assert!(case.engine.start_container(&id).await.is_err());
    assert_eq!(wait.outcome().await.exit_code, 127);
    case.nothing_is_left();
}

#[tokio::test]
async fn waiting_means_what_it_says() {
    let case = Case::new().await;
    let id = case.create("web", |_| {}).await;
    let never_ran = case.engine.wait_container(&id, WaitCondition::NotRunning).await.unwrap();
    assert_eq!(never_ran.outcome().await.exit_code, 0);
    let next = case.engine.wait_container(&id, WaitCondition::NextExit).await.unwrap();
    case.engine.start_container(&id).await.unwrap();
    let running = case.engine.wait_container(&id, WaitCondition::NotRunning).await.unwrap();
    case.fakes.runtime.end(&id, 3, END);
    assert_eq!((next.outcome().await.exit_code, running.outcome().await.exit_code), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_restart_policy_starts_it_again_until_somebody_stops_it() {
    let case = Case::new().await;
    let id = case.run("web", |host| host.restart_policy = RestartPolicy::Always).await;
    case.fakes.runtime.end(&id, 1, END);
    case.until(&id, ContainerState::Restarting).await;
    assert_eq!(case.engine.list_containers(ListOptions::default()).await.unwrap().len(), 1, "docker lists it");
    case.until(&id, ContainerState::Running).await;
    assert_eq!(case.engine.inspect_container(&id).await.unwrap().restart_count, 1);

    case.fakes.runtime.end(&id, 1, END);
    case.until(&id, ContainerState::Restarting).await;
    case.engine.stop_container(&id, StopOptions::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(case.state(&id).await.status, ContainerState::Exited);
    case.nothing_runs();
}

#[tokio::test(start_paused = true)]
async fn a_failing_container_is_restarted_only_as_often_as_asked() {
    let case = Case::new().await;
    let id = case.run("web", |host| host.restart_policy = RestartPolicy::OnFailure(1)).await;
    case.fakes.runtime.end(&id, 1, END);
    case.until(&id, ContainerState::Restarting).await;
    case.until(&id, ContainerState::Running).await;
    let wait = case.engine.wait_container(&id, WaitCondition::NotRunning).await.unwrap();
    case.fakes.runtime.end(&id, 1, END);
    assert_eq!(wait.outcome().await.exit_code, 1);
    assert_eq!(case.state(&id).await.status, ContainerState::Exited);
}

#[tokio::test]
async fn restarting_by_hand_keeps_a_container_with_rm() {
    let case = Case::new().await;
    let id = case.run("once", |host| host.auto_remove = true).await;
    let before = case.state(&id).await.pid;
    case.engine.restart_container(&id, StopOptions::default()).await.unwrap();
    assert_ne!(case.state(&id).await.pid, before);
    case.engine.stop_container(&id, StopOptions::default()).await.unwrap();
    case.until_gone(&id).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_half_made() {
    let case = Case::new().await;
    for polls in 1..6 {
        let request = case.engine.create_container(busybox(&format!("web{polls}"), |_| {}));
        let mut request = Box::pin(request);
        for _ in 0..polls {
            tokio::select! { biased; _ = &mut request => break, () = tokio::task::yield_now() => {} }
        }
        drop(request);
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let all = || case.engine.list_containers(ListOptions { all: true, ..ListOptions::default() });
    while all().await.unwrap().len() < 5 {
        assert!(tokio::time::Instant::now() < deadline, "a begun creation was left half-made");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_rename_frees_the_old_name() {
    let case = Case::new().await;
    let id = case.create("old", |_| {}).await;
    case.create("other", |_| {}).await;
    assert!(matches!(case.engine.rename_container("old", "other").await, Err(Error::NameInUse { .. })));
    assert!(case.engine.rename_container("old", "old").await.is_err());
    case.engine.rename_container(&id, "/new").await.unwrap();
    assert!(case.engine.inspect_container("old").await.is_err());
    assert_eq!(case.engine.inspect_container("new").await.unwrap().id, id);
    case.create("old", |_| {}).await;
}

#[tokio::test]
async fn the_list_shows_what_docker_shows() {
    let case = Case::new().await;
    let old = case.run("old", |host| host.network_mode = NetworkMode::None).await;
    let new = case.run("new", publish(0)).await;
    case.create("idle", |_| {}).await;
    case.fakes.clock.advance(300);
    let list = case.engine.list_containers(ListOptions::default()).await.unwrap();
    assert_eq!(list.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), [&new, &old]);
    assert_eq!(
        (list[0].status.as_str(), list[0].image.as_str(), list[0].command.as_str()),
        ("Up 5 minutes", "busybox", "sh")
    );
    let port = &list[0].ports[0];
    assert_eq!((port.public_port, port.private_port), (Some(49153), 80));
    let filtered = async |change: fn(&mut ListOptions)| {
        let mut options = ListOptions { all: true, ..ListOptions::default() };
        change(&mut options);
        let list = case.engine.list_containers(options).await.unwrap();
        list.into_iter().map(|c| c.name).collect::<Vec<_>>()
    };
    assert_eq!(filtered(|_| {}).await, ["idle", "new", "old"]);
    assert_eq!(filtered(|o| o.limit = 1).await, ["idle"]);
    assert_eq!(filtered(|o| o.filters.name = vec!["^ol".into()]).await, ["old"]);
    assert_eq!(filtered(|o| o.filters.status = vec![ContainerState::Created]).await, ["idle"]);
    assert_eq!(filtered(|o| o.filters.ancestor = vec!["busybox:latest".into()]).await.len(), 3);
    assert_eq!(filtered(|o| o.filters.ancestor = vec!["nginx".into()]).await.len(), 0);
    assert_eq!(filtered(|o| o.filters.network = vec!["none".into()]).await, ["old"]);
    assert_eq!(filtered(|o| o.filters.publish = vec!["79-81".into()]).await, ["new"]);
    assert_eq!(filtered(|o| o.filters.before = vec!["new".into()]).await, ["old"]);
    case.fakes.images.add("busybox:latest", |image| image.author = Some("another".into()));
    let list = case.engine.list_containers(ListOptions::default()).await.unwrap();
    assert!(list[0].image.starts_with("sha256:"), "a name that means another image by now is not shown");
}

#[tokio::test]
async fn logs_need_a_stream_and_end_with_the_container() {
    let case = Case::new().await;
    let id = case.run("web", |_| {}).await;
    let Err(refused) = case.engine.container_logs(&id, LogOptions::default()).await else { panic!("it was answered") };
    assert_eq!(refused.to_string(), "Bad parameters: you must choose at least one stream");
    let options = LogOptions { stdout: true, follow: true, ..LogOptions::default() };
    let mut logs = case.engine.container_logs(&id, options).await.unwrap();
    case.fakes.runtime.print(&id, Stdio::Stdout, "a\n", END);
    assert_eq!(logs.next().await.unwrap().unwrap().bytes, "a\n");
    case.fakes.runtime.end(&id, 0, END);
    assert!(logs.next().await.is_none());
}

#[tokio::test]
async fn the_end_of_the_engine_stops_everything_and_starts_nothing() {
    let case = Case::new().await;
    let always = case.run("always", |host| host.restart_policy = RestartPolicy::Always).await;
    let once = case.run("once", |host| host.auto_remove = true).await;
    case.engine.shutdown(Duration::from_secs(5)).await;
    assert_eq!(case.state(&always).await.status, ContainerState::Exited);
    case.until_gone(&once).await;
    case.nothing_runs();
}

#[tokio::test]
async fn a_log_is_kept_as_its_driver_does() {
    let case = Case::new().await;
    let silent = case.run("silent", |host| host.log_config.driver = "none".into()).await;
    let options = LogOptions { stdout: true, ..LogOptions::default() };
    let Err(refused) = case.engine.container_logs(&silent, options.clone()).await else { panic!("it was answered") };
    assert_eq!(refused.to_string(), "configured logging driver does not support reading");
    assert_eq!(refused.kind(), crate::ErrorKind::Unsupported);
    assert_eq!(case.engine.inspect_container(&silent).await.unwrap().log_path, None);

    let mut request = busybox("local", |host| {
        let options = [("labels-regex", "^ti"), ("tag", "{{.Name}} of {{.ImageName}}")];
        host.log_config.driver = "local".into();
        host.log_config.options = options.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    });
    request.config.labels.insert("tier".into(), "front".into());
    request.config.labels.insert("other".into(), "x".into());
    let local = case.engine.create_container(request).await.unwrap().id;
    case.engine.start_container(&local).await.unwrap();
    let target = case.fakes.runtime.log(&local).unwrap();
    assert_eq!((target.max_size, target.max_files), (Some(20 << 20), 5));
    let attributes: Vec<(&str, &str)> = target.attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(attributes, [("tag", "local of busybox"), ("tier", "front")]);
    case.fakes.runtime.print(&local, Stdio::Stdout, "kept\n", crate::Timestamp(1));
    let kept: Vec<_> = case.engine.container_logs(&local, options).await.unwrap().collect().await;
    assert_eq!(kept[0].as_ref().unwrap().bytes, "kept\n");
}
