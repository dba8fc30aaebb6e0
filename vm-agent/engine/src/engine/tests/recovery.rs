use super::*;
use crate::{
    Timestamp,
    container::{PortBinding, RemoveOptions, RestartPolicy, StopOptions, WaitCondition},
    seam::Runtime as _,
};

fn published(host: &mut HostConfig) {
    host.port_bindings.insert("80/tcp".parse().unwrap(), vec![PortBinding::default()]);
}

const END: Timestamp = Timestamp(1_800_000_100_000_000_000);

#[tokio::test]
async fn an_engine_that_is_started_again_takes_up_what_runs() {
    let case = Case::new().await;
    let id = case.run("web", published).await;
    case.create("idle", |_| {}).await;
    let before = case.engine.inspect_container(&id).await.unwrap();
    let case = case.engine_restarted().await;
    assert_eq!(case.engine.inspect_container(&id).await.unwrap(), before);
    assert_eq!(case.fakes.ports.published(), [(id.clone(), 49153)], "the port it had is asked for again");
    let other = case.run("other", |_| {}).await;
    let other = case.engine.inspect_container(&other).await.unwrap();
    assert_eq!(other.network.networks["bridge"].address, Some([172, 17, 0, 3].into()), "the address is still taken");
    case.fakes.runtime.end(&id, 5, END);
    let wait = case.engine.wait_container(&id, WaitCondition::NotRunning).await.unwrap();
    assert_eq!(wait.outcome().await.exit_code, 5);
}

#[tokio::test]
async fn an_end_that_no_engine_saw_is_told_with_its_code() {
    let case = Case::new().await;
    let id = case.run("web", |_| {}).await;
    let once = case.run("once", |host| host.auto_remove = true).await;
    let lost = case.run("lost", |_| {}).await;
    case.engine_killed();
    case.fakes.runtime.end(&id, 3, END);
    case.fakes.runtime.end(&once, 0, END);
    case.fakes.runtime.lose(&lost);
    let case = case.engine_restarted().await;
    let state = case.state(&id).await;
    assert_eq!((state.status, state.exit_code, state.finished_at), (ContainerState::Exited, 3, Some(END)));
    assert_eq!(case.state(&lost).await.exit_code, 255);
    case.until_gone(&once).await;
    case.nothing_runs();
}

#[tokio::test]
async fn after_a_reboot_everything_is_listed_as_it_was_and_policies_hold() {
    let case = Case::new().await;
    for (name, policy) in [
        ("plain", RestartPolicy::No),
        ("always", RestartPolicy::Always),
        ("unless", RestartPolicy::UnlessStopped),
        ("stopped", RestartPolicy::UnlessStopped),
        ("failing", RestartPolicy::OnFailure(3)),
    ] {
        case.run(name, |host| host.restart_policy = policy).await;
    }
    case.create("idle", |host| host.restart_policy = RestartPolicy::Always).await;
    case.engine.stop_container("stopped", StopOptions::default()).await.unwrap();
    let case = case.machine_restarted().await;
    for name in ["always", "unless", "failing"] {
        case.until(name, ContainerState::Running).await;
    }
    assert_eq!(case.state("plain").await.status, ContainerState::Exited);
    assert_eq!(case.state("plain").await.exit_code, 255);
    assert_eq!(case.state("stopped").await.exit_code, 143);
    assert_eq!(case.state("idle").await.status, ContainerState::Created);
    assert_eq!(case.fakes.network.attached(), 3);
}

#[tokio::test]
async fn a_container_that_was_made_but_never_started_is_taken_away() {
    let case = Case::new().await;
    let id = case.create("web", |_| {}).await;
    // What a crash between the creation of the process and its start leaves.
    let bundle = case.dir.path().join("run/containers").join(&id);
    std::fs::create_dir_all(bundle.join("rootfs")).unwrap();
    std::fs::write(bundle.join("config.json"), "{}").unwrap();
    case.fakes.runtime.create(&id, &bundle, None, false).await.unwrap();
    let case = case.engine_restarted().await;
    assert_eq!(case.state(&id).await.status, ContainerState::Created);
    case.nothing_runs();
    case.engine.start_container(&id).await.unwrap();
}

#[tokio::test]
async fn a_process_whose_row_was_not_yet_written_is_taken_up() {
    let case = Case::new().await;
    let id = case.create("web", |_| {}).await;
    let bundle = case.dir.path().join("run/containers").join(&id);
    std::fs::create_dir_all(&bundle).unwrap();
    std::fs::write(bundle.join("config.json"), "{}").unwrap();
    case.fakes.runtime.create(&id, &bundle, None, false).await.unwrap();
    case.fakes.runtime.start(&id).await.unwrap();
    let case = case.engine_restarted().await;
    let state = case.state(&id).await;
    assert!(state.status == ContainerState::Running && state.pid > 0);
    case.engine.stop_container(&id, StopOptions::default()).await.unwrap();
}

#[tokio::test]
async fn what_no_container_owns_is_swept() {
    let case = Case::new().await;
    let id = case.create("web", |_| {}).await;
    let stray = "5".repeat(64);
    for dir in ["data/containers", "run/containers", "cgroup/berth"] {
        std::fs::create_dir_all(case.dir.path().join(dir).join(&stray)).unwrap();
    }
    std::fs::create_dir_all(case.dir.path().join("data/volumes/.removed/old.1/_data")).unwrap();
    std::fs::create_dir_all(case.dir.path().join("data/volumes/unknown/_data")).unwrap();
    let case = case.engine_restarted().await;
    assert!(case.engine.inspect_container(&id).await.is_ok());
    for dir in ["data/containers", "run/containers"] {
        assert!(!case.dir.path().join(dir).join(&stray).exists(), "{dir}");
    }
    assert!(!case.dir.path().join("data/volumes/.removed/old.1").exists());
    assert!(case.dir.path().join("data/volumes/unknown").exists(), "data that no row explains is not deleted");
}

#[tokio::test]
async fn a_removal_that_was_interrupted_is_finished() {
    let case = Case::new().await;
    let id = case.create("web", |_| {}).await;
    let container = case.engine.inner.roster.find(&id).unwrap();
    case.engine.turn(&container, crate::container::Turn::Removing).await.unwrap();
    let case = case.engine_restarted().await;
    case.until_gone(&id).await;
    case.nothing_is_left();
    case.create("web", |_| {}).await;
    case.engine.remove_container("web", RemoveOptions::default()).await.unwrap();
}
