use super::*;
use crate::container::NetworkMode;

#[tokio::test]
async fn another_container_is_joined_by_id_and_only_while_it_runs() {
    let case = Case::new().await;
    let donor = case.create("donor", |_| {}).await;
    let said = |error: crate::Error| error.to_string();
    case.create("pid", |host| host.pid_mode = "container:donor".into()).await;
    assert_eq!(case.engine.inspect_container("pid").await.unwrap().host.pid_mode, format!("container:{donor}"));
    let refused = case.engine.start_container("pid").await.unwrap_err();
    assert_eq!(said(refused), format!("failed to join PID namespace: container {donor} is not running"));
    case.create("net", |host| host.network_mode = NetworkMode::Container("donor".into())).await;
    let refused = case.engine.start_container("net").await.unwrap_err();
    assert_eq!(said(refused), format!("cannot join network of a non running container: {donor}"));
    case.create("ipc", |host| host.ipc_mode = "container:donor".into()).await;
    case.engine.start_container("donor").await.unwrap();
    let refused = said(case.engine.start_container("ipc").await.unwrap_err());
    assert!(refused.contains("non-shareable IPC (hint: use IpcMode:shareable for the donor container)"), "{refused}");

    case.engine.start_container("pid").await.unwrap();
    case.engine.start_container("net").await.unwrap();
    let config = |id: &str| -> serde_json::Value {
        let file = case.dir.path().join("run/containers").join(id).join("config.json");
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    let id = async |name: &str| case.engine.inspect_container(name).await.unwrap().id;
    let path = |config: &serde_json::Value, kind: &str| {
        let all = config["linux"]["namespaces"].as_array().unwrap();
        all.iter().find(|namespace| namespace["type"] == kind).unwrap()["path"].clone()
    };
    let donor_pid = case.state("donor").await.pid;
    assert_eq!(path(&config(&id("pid").await), "pid"), format!("/proc/{donor_pid}/ns/pid"));
    let joined = config(&id("net").await);
    let key = case.engine.inspect_container("donor").await.unwrap().network.sandbox_key;
    assert_eq!(path(&joined, "network"), key);
    let shown = case.engine.inspect_container("net").await.unwrap();
    assert!(shown.hosts_path.to_string_lossy().contains(&donor) && shown.network.networks.is_empty());
    assert_eq!(shown.config.hostname, donor[..12]);
    assert!(joined["linux"]["sysctl"].as_object().unwrap().is_empty(), "the other's network is left as it is");
}

#[tokio::test]
async fn volumes_of_another_container_are_had_too_and_stay_the_others() {
    let case = Case::new().await;
    case.create("db", |host| host.binds = vec!["data:/data".into(), "more:/more".into()]).await;
    case.create("backup", |host| {
        host.volumes_from = vec!["db:ro".into()];
        host.binds = vec!["own:/more".into()];
    })
    .await;
    let shown = case.engine.inspect_container("backup").await.unwrap();
    let mut mounts: Vec<_> = shown.mounts.iter().map(|m| (m.destination.as_str(), m.name.as_str(), m.rw)).collect();
    mounts.sort_unstable();
    assert_eq!(mounts, [("/data", "data", false), ("/more", "own", true)]);
    let used = case.engine.remove_volume("data", false).await.unwrap_err().to_string();
    assert!(used.contains("volume is in use"), "{used}");
}
