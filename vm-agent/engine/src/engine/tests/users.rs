use super::*;
use crate::container::NetworkMode;

fn config(case: &Case, id: &str) -> serde_json::Value {
    let file = case.dir.path().join("run/containers").join(id).join("config.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn user_namespace(config: &serde_json::Value) -> Option<String> {
    let all = config["linux"]["namespaces"].as_array().unwrap();
    let user = all.iter().find(|namespace| namespace["type"] == "user")?;
    Some(user["path"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_container_with_users_of_its_own_is_described_so() {
    let case = Case::new().await;
    let id = case
        .create("own", |host| {
            host.userns_mode = "auto".into();
            host.binds = vec!["data:/data".into(), "/sys:/k".into()];
        })
        .await;
    case.engine.start_container("own").await.unwrap();
    let spec = config(&case, &id);
    let place = case.dir.path().join("run/containers").join(&id).join("users");
    assert_eq!(user_namespace(&spec).unwrap(), place.to_str().unwrap());
    let mapped = |destination: &str| {
        let mounts = spec["mounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| mount["destination"] == destination).unwrap();
        mount["options"].as_array().unwrap().contains(&serde_json::json!("idmap"))
    };
    assert!(mapped("/data") && mapped("/etc/hosts") && !mapped("/k"));
    assert_eq!(spec["linux"]["sysctl"]["net.ipv4.ping_group_range"], "0 65535");
    case.fakes.runtime.end(&id, 0, crate::Timestamp(0));
    case.until("own", ContainerState::Exited).await;
    assert!(!place.exists());

    let plain = case.create("plain", |_| {}).await;
    case.engine.start_container("plain").await.unwrap();
    assert_eq!(user_namespace(&config(&case, &plain)), None);
}

#[tokio::test]
async fn who_joins_a_container_joins_its_users_unless_told_otherwise() {
    let case = Case::new().await;
    case.create("donor", |host| host.userns_mode = "auto".into()).await;
    case.engine.start_container("donor").await.unwrap();
    let pid = case.state("donor").await.pid;
    for (mode, expected) in [("", true), ("auto", true), ("host", false)] {
        let name = format!("joins{mode}");
        let id = case
            .create(&name, |host| {
                host.userns_mode = mode.into();
                host.network_mode = NetworkMode::Container("donor".into());
            })
            .await;
        case.engine.start_container(&name).await.unwrap();
        let expected = expected.then(|| format!("/proc/{pid}/ns/user"));
        assert_eq!(user_namespace(&config(&case, &id)), expected, "{mode:?}");
    }
}
