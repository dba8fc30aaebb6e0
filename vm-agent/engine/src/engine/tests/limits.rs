use super::*;
use crate::{
    ErrorKind, Timestamp,
    container::{
        ContainerFilters, Health, HealthStatus, Healthcheck, ListOptions, PruneFilters, Pruned, RemoveOptions,
        Resources, RestartPolicy, StopOptions, UpdateContainer,
    },
    event::EventOptions,
};
use futures_util::StreamExt;
use serde_json::json;

fn memory(bytes: u64) -> Resources {
    Resources { memory: Some(bytes), ..Resources::default() }
}

#[tokio::test]
async fn a_paused_container_stands_still_and_says_so() {
    let case = Case::new().await;
    let id = case.run("web", |_| {}).await;
    case.engine.pause_container("web").await.unwrap();
    assert_eq!(case.state("web").await.status, ContainerState::Paused);
    assert!(case.fakes.runtime.frozen(&id));
    let refused = |error: crate::Error| (error.kind(), error.to_string());
    assert_eq!(
        refused(case.engine.pause_container("web").await.unwrap_err()),
        (ErrorKind::Conflict, format!("Container {id} is already paused"))
    );
    assert_eq!(
        refused(case.engine.start_container("web").await.unwrap_err()),
        (ErrorKind::Conflict, "cannot start a paused container, try unpause instead".to_owned())
    );
    let removal = case.engine.remove_container("web", RemoveOptions::default()).await.unwrap_err();
    assert!(
        removal
            .to_string()
            .ends_with("container is paused: unpause and then stop the container before removing or force remove")
    );

    // An engine that is started again knows; one that missed it learns it.
    let case = case.engine_restarted().await;
    assert_eq!(case.state("web").await.status, ContainerState::Paused);
    case.engine.unpause_container("web").await.unwrap();
    assert_eq!((case.state("web").await.status, case.fakes.runtime.frozen(&id)), (ContainerState::Running, false));
    let again = case.engine.unpause_container("web").await.unwrap_err().to_string();
    assert_eq!(again, format!("Container {id} is not paused"));
}

#[tokio::test]
async fn a_paused_container_is_thawed_to_be_stopped_killed_and_removed() {
    let case = Case::new().await;
    for (name, code) in [("stopped", 143), ("killed", 137)] {
        case.run(name, |_| {}).await;
        case.engine.pause_container(name).await.unwrap();
        if name == "stopped" {
            case.engine.stop_container(name, StopOptions::default()).await.unwrap();
        } else {
            case.engine.kill_container(name, None).await.unwrap();
        }
        let state = case.state(name).await;
        assert_eq!((state.status, state.exit_code), (ContainerState::Exited, code));
        let refused = case.engine.pause_container(name).await.unwrap_err();
        assert!(refused.to_string().ends_with("is not running"), "{refused}");
    }
    case.run("gone", |_| {}).await;
    case.engine.pause_container("gone").await.unwrap();
    case.engine.remove_container("gone", RemoveOptions { force: true, volumes: false }).await.unwrap();
    case.nothing_runs();
}

#[tokio::test]
async fn an_update_reaches_the_runtime_and_the_next_start() {
    let case = Case::new().await;
    let id = case.run("web", |host| host.resources = memory(64 << 20)).await;
    let request = UpdateContainer {
        resources: Resources { memory: Some(32 << 20), pids: Some(20), ..Resources::default() },
        restart_policy: Some(RestartPolicy::Always),
    };
    case.engine.update_container("web", request).await.unwrap();
    assert_eq!(
        case.fakes.runtime.limits(&id),
        json!({ "memory": { "limit": 32 << 20, "swap": 128 << 20 }, "pids": { "limit": 20 } })
    );
    let case = case.engine_restarted().await;
    let host = case.engine.inspect_container("web").await.unwrap().host;
    assert_eq!((host.resources.memory, host.resources.memory_swap), (Some(32 << 20), Some(128 << 20)));
    assert_eq!(host.restart_policy, RestartPolicy::Always);
    case.fakes.runtime.end(&id, 0, Timestamp(1_800_000_100_000_000_000));
    case.until("web", ContainerState::Restarting).await;
    case.until("web", ContainerState::Running).await;
    assert_eq!(case.fakes.runtime.spec(&id)["linux"]["resources"]["memory"]["limit"], json!(32 << 20));
    assert_eq!(case.fakes.runtime.spec(&id)["linux"]["resources"]["pids"]["limit"], json!(20));
}

#[tokio::test]
async fn an_update_that_fails_changes_nothing() {
    let case = Case::new().await;
    let id = case.run("web", |host| host.resources = memory(64 << 20)).await;
    let update = |resources| UpdateContainer { resources, restart_policy: None };
    let said = case.engine.update_container("web", update(memory(1))).await.unwrap_err();
    assert_eq!(
        (said.kind(), said.to_string().as_str()),
        (ErrorKind::InvalidParameter, "Minimum memory limit allowed is 6MB")
    );
    let said = case.engine.update_container("web", update(memory(1 << 30))).await.unwrap_err();
    assert_eq!(said.kind(), ErrorKind::Conflict);
    assert!(said.to_string().starts_with(&format!("Cannot update container {id}: Memory limit should be smaller")));
    case.fakes.runtime.refuse_next_update("device or resource busy");
    let said = case.engine.update_container("web", update(memory(32 << 20))).await.unwrap_err();
    assert_eq!(said.to_string(), format!("Cannot update container {id}: device or resource busy"));
    let limits = case.fakes.runtime.limits(&id);
    assert_eq!(limits["memory"]["limit"], json!(64 << 20), "the old limits are put back");
    assert_eq!(case.engine.inspect_container("web").await.unwrap().host.resources.memory, Some(64 << 20));

    case.run("once", |host| host.auto_remove = true).await;
    let request = UpdateContainer { restart_policy: Some(RestartPolicy::Always), ..UpdateContainer::default() };
    let said = case.engine.update_container("once", request).await.unwrap_err().to_string();
    assert!(said.ends_with("Restart policy cannot be updated because AutoRemove is enabled for the container"));
}

#[tokio::test]
async fn a_kill_for_want_of_memory_is_told_when_it_happens_and_once() {
    let case = Case::new().await;
    let id = case.create("hog", |_| {}).await;
    let cgroup = case.dir.path().join("cgroup/berth").join(&id);
    std::fs::create_dir_all(&cgroup).unwrap();
    let events =
        |kills: u32| std::fs::write(cgroup.join("memory.events"), format!("max 9\noom_kill {kills}\n")).unwrap();
    events(0);
    let mut stream = case.engine.events(EventOptions::default());
    case.engine.start_container("hog").await.unwrap();
    events(1);
    while stream.next().await.unwrap().action != "oom" {}
    let state = case.state("hog").await;
    assert_eq!((state.status, state.oom_killed), (ContainerState::Running, true), "another process was killed");
    case.fakes.runtime.end_for_want_of_memory(&id, Timestamp(1_800_000_100_000_000_000));
    case.until("hog", ContainerState::Exited).await;
    assert_eq!(stream.next().await.unwrap().action, "die", "it is not told again");
    assert!(case.state("hog").await.oom_killed);
    case.engine.start_container("hog").await.unwrap();
    assert!(!case.state("hog").await.oom_killed, "a new start is a new life");
}

#[tokio::test]
async fn a_prune_takes_what_has_ended_and_fits() {
    let case = Case::new().await;
    let (old, running) = (case.create("old", |_| {}).await, case.run("running", |_| {}).await);
    let upper = case.engine.inspect_container(&old).await.unwrap().storage["UpperDir"].clone();
    std::fs::create_dir_all(&upper).unwrap();
    std::fs::write(std::path::Path::new(&upper).join("file"), [0; 100]).unwrap();
    assert_eq!(case.engine.container_size(&old).await.unwrap().written, 100);
    case.fakes.clock.advance(3600);
    let young = case.create("young", |_| {}).await;
    let made = case.engine.inspect_container(&young).await.unwrap().created;
    let mut stream = case.engine.events(EventOptions::default());
    let filters = PruneFilters { until: Some(made), ..PruneFilters::default() };
    let none = PruneFilters { label: vec!["a".into()], ..filters.clone() };
    assert_eq!(case.engine.prune_containers(none).await.unwrap(), Pruned::default());
    let pruned = case.engine.prune_containers(filters).await.unwrap();
    assert_eq!((pruned.deleted, pruned.space_reclaimed), (vec![old], 100));
    let mut left: Vec<String> = case
        .engine
        .list_containers(ListOptions { all: true, ..ListOptions::default() })
        .await
        .unwrap()
        .into_iter()
        .map(|c| c.id)
        .collect();
    left.sort();
    let mut expected = vec![running, young];
    expected.sort();
    assert_eq!(left, expected);
    while stream.next().await.unwrap().action != "prune" {}
}

fn with_check(name: &str) -> crate::container::CreateContainer {
    let mut request = busybox(name, |_| {});
    request.config.healthcheck = Some(Healthcheck {
        test: vec!["CMD-SHELL".into(), "check".into()],
        interval: Some(Duration::from_millis(20)),
        timeout: Some(Duration::from_secs(5)),
        retries: Some(2),
        ..Healthcheck::default()
    });
    request
}

/// Lets the next check of a container end so.
async fn check_ends(case: &Case, code: i64, output: &str) {
    let at = Timestamp(1_800_000_050_000_000_000);
    let check = loop {
        let execs = case.fakes.runtime.running_execs();
        if let Some(check) = execs.into_iter().next() {
            break check;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    case.fakes.runtime.print(&check, crate::log::Stdio::Stdout, output, at);
    case.fakes.runtime.end(&check, code, at);
}

async fn until_health(case: &Case, wanted: HealthStatus) -> Health {
    let reached = async {
        loop {
            let health = case.state("web").await.health.unwrap();
            if health.status == wanted {
                return health;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reached).await.unwrap()
}

#[tokio::test]
async fn a_container_is_asked_whether_it_is_well() {
    let case = Case::new().await;
    case.engine.create_container(with_check("web")).await.unwrap();
    assert_eq!(case.state("web").await.health, None);
    let mut stream = case.engine.events(EventOptions::default());
    case.engine.start_container("web").await.unwrap();
    assert_eq!(case.state("web").await.health.unwrap().status, HealthStatus::Starting);
    check_ends(&case, 1, "not yet").await;
    check_ends(&case, 1, "still not").await;
    let health = until_health(&case, HealthStatus::Unhealthy).await;
    assert_eq!((health.failing_streak, health.log[1].output.as_str()), (2, "still not"));
    check_ends(&case, 0, "fine").await;
    until_health(&case, HealthStatus::Healthy).await;
    let healthy = ContainerFilters { health: vec![Some(HealthStatus::Healthy)], ..ContainerFilters::default() };
    let list = case.engine.list_containers(ListOptions { filters: healthy, ..ListOptions::default() }).await.unwrap();
    assert!(list[0].status.ends_with("(healthy)"), "{}", list[0].status);

    let mut told = Vec::new();
    while told.len() < 2 {
        let event = stream.next().await.unwrap();
        if event.action.starts_with("health_status") {
            told.push(event.action);
        }
    }
    assert_eq!(told, ["health_status: unhealthy", "health_status: healthy"]);

    let case = case.engine_restarted().await;
    assert_eq!(case.state("web").await.health.unwrap().status, HealthStatus::Healthy, "a verdict outlives the engine");
    case.engine.pause_container("web").await.unwrap();
    assert_eq!(case.state("web").await.health.unwrap().status, HealthStatus::Unhealthy, "docker's word for unwatched");
    case.engine.unpause_container("web").await.unwrap();
    // The dead engine's checks go on in this test, since its tasks cannot be killed: one of ours comes too.
    while case.state("web").await.health.unwrap().status != HealthStatus::Healthy {
        check_ends(&case, 0, "again").await;
    }
    case.engine.kill_container("web", None).await.unwrap();
    assert_eq!(case.state("web").await.health.unwrap().status, HealthStatus::Unhealthy);
}
