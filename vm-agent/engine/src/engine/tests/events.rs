use super::*;
use crate::{
    Timestamp,
    container::{RemoveOptions, StopOptions},
    event::{Event, EventFilters, EventOptions},
};
use futures_util::{FutureExt, StreamExt};

fn told(stream: &mut futures_util::stream::BoxStream<'static, Event>) -> Vec<String> {
    std::iter::from_fn(|| stream.next().now_or_never().flatten())
        .map(|event| format!("{} {}", event.kind.as_str(), event.action))
        .collect()
}

#[tokio::test]
async fn a_life_is_told_in_dockers_order() {
    let case = Case::new().await;
    let mut stream = case.engine.events(EventOptions::default());
    let id = case.run("web", |host| host.binds = vec!["data:/data".into()]).await;
    assert_eq!(told(&mut stream), ["volume create", "container create", "network connect", "container start"]);
    case.engine.stop_container("web", StopOptions::default()).await.unwrap();
    assert_eq!(told(&mut stream), ["container kill", "container die", "network disconnect", "container stop"]);
    case.engine.start_container("web").await.unwrap();
    case.engine.remove_container("web", RemoveOptions { force: true, volumes: false }).await.unwrap();
    assert_eq!(told(&mut stream).last().unwrap(), "container destroy");

    let filters = EventFilters { container: vec!["web".into()], action: vec!["die".into()], ..EventFilters::default() };
    let since = EventOptions { since: Some(Timestamp(0)), until: None, filters };
    let die = case.engine.events(since).next().await.unwrap();
    assert_eq!((die.actor.as_str(), die.attributes["exitCode"].as_str()), (id.as_str(), "143"));
    assert_eq!((die.attributes["image"].as_str(), die.attributes["name"].as_str()), ("busybox", "web"));
}
