//! Freezing, usage and processes on the real kernel. Limits need controllers, which the guest has.

use crate::ground::{on_own_ground, output, shell};
use berth_engine::container::{ContainerState, HealthStatus, Healthcheck, RemoveOptions, StopOptions};
use std::time::Duration;

#[test]
fn a_paused_container_stands_still_through_an_engines_death() {
    on_own_ground(|ground| async move {
        drop(ground.engine_with_busybox().await);
        ground.engine_that_dies(|engine| async move {
            let line = "trap 'exit 7' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done";
            engine.create_container(shell("counter", line, |_, _| {})).await.unwrap();
            engine.start_container("counter").await.unwrap();
            while output(&engine, "counter").await.lines().count() < 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            engine.pause_container("counter").await.unwrap();
        });
        let engine = ground.engine().await;
        assert_eq!(engine.inspect_container("counter").await.unwrap().state.status, ContainerState::Paused);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = output(&engine, "counter").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(output(&engine, "counter").await, before, "a frozen counter counts no further");
        engine.unpause_container("counter").await.unwrap();
        while output(&engine, "counter").await == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        engine.pause_container("counter").await.unwrap();
        engine.stop_container("counter", StopOptions::default()).await.unwrap();
        let state = engine.inspect_container("counter").await.unwrap().state;
        assert_eq!((state.status, state.exit_code), (ContainerState::Exited, 7), "it went on to end politely");
        engine.remove_container("counter", RemoveOptions::default()).await.unwrap();
        ground.nothing_runs();
    });
}

#[test]
fn processes_and_usage_are_the_containers_own() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        engine.create_container(shell("some", "sleep 1001 & sleep 1002", |_, _| {})).await.unwrap();
        assert!(engine.container_top("some", "").await.unwrap_err().to_string().ends_with("is not running"));
        assert!(engine.container_stats("some").await.unwrap().usage.is_none());
        engine.start_container("some").await.unwrap();
        let table = loop {
            let table = engine.container_top("some", "").await.unwrap();
            if table.processes.iter().filter(|row| row[7].starts_with("sleep 100")).count() == 2 {
                break table;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(table.titles, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
        assert!(table.processes.iter().all(|row| row[0] == "root" && row[5] == "?"), "{table:?}");
        let pid = engine.inspect_container("some").await.unwrap().state.pid.to_string();
        assert_eq!(table.processes[0][1], pid, "the first process, as the machine numbers it");
        let usage = engine.container_stats("some").await.unwrap().usage.unwrap();
        assert!(usage.networks.contains_key("eth0") && !usage.networks.contains_key("lo"), "{usage:?}");
        assert!(usage.cpu.total > 0 && usage.cpu.system > 0 && usage.cpu.online > 0, "{usage:?}");
        engine.remove_container("some", RemoveOptions { force: true, volumes: true }).await.unwrap();
    });
}

#[test]
fn a_container_is_asked_whether_it_is_well() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "sleep 2; touch /well; sleep 1000";
        let request = shell("sick", line, |config, _| {
            config.healthcheck = Some(Healthcheck {
                test: vec!["CMD-SHELL".into(), "cat /well && echo fine".into()],
                interval: Some(Duration::from_millis(200)),
                retries: Some(2),
                ..Healthcheck::default()
            });
        });
        engine.create_container(request).await.unwrap();
        engine.start_container("sick").await.unwrap();
        let until = async |wanted| loop {
            let health = engine.inspect_container("sick").await.unwrap().state.health.unwrap();
            if health.status == wanted {
                return health;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let ill = until(HealthStatus::Unhealthy).await;
        assert!(ill.failing_streak >= 2 && ill.log[0].output.contains("can't open '/well'"), "{ill:?}");
        let well = until(HealthStatus::Healthy).await;
        assert_eq!(well.log.last().map(|probe| (probe.exit_code, probe.output.as_str())), Some((0, "fine\n")));
        engine.remove_container("sick", RemoveOptions { force: true, volumes: true }).await.unwrap();
        ground.nothing_runs();
    });
}
