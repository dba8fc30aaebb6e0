use super::*;
use crate::{
    ErrorKind,
    container::RemoveOptions,
    network::NetworkFilters,
    system::DiskObject,
    volume::{CreateVolume, VolumeFilters},
};

async fn names(case: &Case) -> Vec<String> {
    let all = case.engine.list_volumes(VolumeFilters::default()).await.unwrap();
    all.into_iter().map(|volume| volume.name).collect()
}

#[tokio::test]
async fn a_named_volume_outlives_its_containers_and_an_anonymous_one_does_not() {
    let case = Case::new().await;
    case.fakes.images.add("db:latest", |image| {
        image.config.cmd = Some(vec!["db".into()]);
        image.config.volumes = ["/var/lib/db".to_owned()].into();
    });
    let mut request = busybox("db", |host| host.binds = vec!["data:/data".into()]);
    request.config.image = "db".into();
    let id = case.engine.create_container(request).await.unwrap().id;
    assert_eq!(names(&case).await.len(), 2);
    let data = case.engine.inspect_volume("data").await.unwrap();
    std::fs::write(data.mountpoint.join("row"), "1").unwrap();

    let refused = case.engine.remove_volume("data", false).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("remove data: volume is in use - [{id}]"));
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    case.engine.remove_container("db", RemoveOptions { force: false, volumes: true }).await.unwrap();
    assert_eq!(names(&case).await, ["data"]);
    assert!(data.mountpoint.join("row").exists());

    let case = case.machine_restarted().await;
    assert_eq!(case.engine.inspect_volume("data").await.unwrap(), data);
    case.engine.remove_volume("data", false).await.unwrap();
    let case = case.engine_restarted().await;
    assert_eq!(case.engine.inspect_volume("data").await.unwrap_err().to_string(), "get data: no such volume");
    let again =
        case.engine.create_volume(CreateVolume { name: Some("data".into()), ..Default::default() }).await.unwrap();
    assert_eq!(std::fs::read_dir(again.mountpoint).unwrap().count(), 0, "old data does not come back");
}

#[tokio::test]
async fn a_volume_is_made_once_and_pruned_when_nobody_uses_it() {
    let case = Case::new().await;
    let make = |name: Option<&str>| {
        let labels = [("tier".to_owned(), "db".to_owned())].into();
        case.engine.create_volume(CreateVolume { name: name.map(str::to_owned), labels, ..Default::default() })
    };
    let first = make(Some("data")).await.unwrap();
    assert_eq!(make(Some("data")).await.unwrap(), first);
    let anonymous = make(None).await.unwrap();
    assert!(anonymous.anonymous && anonymous.name.len() == 64);
    std::fs::write(anonymous.mountpoint.join("x"), vec![1; 10_000]).unwrap();
    let usage = case.engine.disk_usage(&[DiskObject::Volume]).await.unwrap().volumes.unwrap();
    let told = usage.iter().find(|usage| usage.volume.name == anonymous.name).unwrap().size;
    case.create("web", |host| host.binds = vec!["used:/x".into()]).await;
    let pruned = case.engine.prune_volumes(VolumeFilters::default()).await.unwrap();
    assert_eq!(pruned.deleted, [anonymous.name]);
    assert_eq!((pruned.space_reclaimed, told), (10_000, 10_000), "a prune frees what disk usage tells");
    let pruned = case.engine.prune_volumes(VolumeFilters { all: true, ..Default::default() }).await.unwrap();
    assert_eq!(pruned.deleted, ["data"]);
    assert_eq!(names(&case).await, ["used"]);
    assert!(case.engine.remove_volume("nope", true).await.is_ok());
    assert_eq!(case.engine.remove_volume("nope", false).await.unwrap_err().kind(), ErrorKind::NotFound);
    let foreign = CreateVolume { driver: "nfs".into(), ..Default::default() };
    assert_eq!(case.engine.create_volume(foreign).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn the_networks_that_are_always_there() {
    let case = Case::new().await;
    let id = case.run("web", |_| {}).await;
    let all = case.engine.list_networks(NetworkFilters::default()).await.unwrap();
    assert_eq!(all.iter().map(|network| network.name.as_str()).collect::<Vec<_>>(), ["bridge", "host", "none"]);
    let bridge = case.engine.inspect_network("bridge").await.unwrap();
    assert_eq!(bridge.subnets[0].gateway, Some([172, 17, 0, 1].into()));
    assert_eq!(bridge.containers[&id].name, "web");
    let case = case.engine_restarted().await;
    assert_eq!(case.engine.inspect_network(&bridge.id[..12]).await.unwrap(), bridge, "ids are kept");
    assert_eq!(case.engine.inspect_network("mine").await.unwrap_err().to_string(), "network mine not found");
}
