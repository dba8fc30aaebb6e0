//! Freezing, usage and processes on the real kernel. Limits need controllers, which the guest has.

use crate::ground::{on_own_ground, output, shell};
use berth_engine::container::{ContainerState, RemoveOptions, StopOptions};
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
