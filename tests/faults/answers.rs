//! The engine's answers about containers, read with types that others generated from docker's own description.

use berth_tests::native::{Client, Engine, Ground, container};
use bollard_stubs::models;
use serde_json::{Value, json};

/// Whether the type takes the answer, and what it lost of it: fields it does not know, or read as another value.
type Read = fn(Value) -> Result<Value, serde_json::Error>;

fn read<T: serde::Serialize + serde::de::DeserializeOwned>(answer: Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(answer)?)
}

#[test]
fn every_answer_about_containers_is_dockers() {
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let mut client = engine.client();
    let mut body = container(&["sh", "-c", "echo made > /made; sleep 100000"], "bridge");
    body["Labels"] = json!({ "a": "b" });
    body["HostConfig"]["Binds"] = json!(["data:/data"]);
    body["Healthcheck"] = json!({ "Test": ["CMD", "true"] });
    let id = client.create("box", &body);
    client.request("POST", &format!("/containers/{id}/start"), None).ok();
    let ended = client.create("ended", &container(&["false"], "none"));
    client.request("POST", &format!("/containers/{ended}/start"), None).ok();

    let table: &[(&str, &str, Read)] = &[
        ("POST", "/containers/ended/wait", read::<models::ContainerWaitResponse>),
        ("GET", "/containers/json?all=1&size=1", read::<Vec<models::ContainerSummary>>),
        ("GET", "/containers/box/json?size=1", read::<models::ContainerInspectResponse>),
        ("GET", "/containers/ended/json", read::<models::ContainerInspectResponse>),
        ("GET", "/containers/box/top", read::<models::ContainerTopResponse>),
        ("GET", "/containers/box/stats?stream=0", read::<models::ContainerStatsResponse>),
        ("GET", "/containers/box/changes", read::<Vec<models::FilesystemChange>>),
        ("GET", "/system/df?verbose=1", read::<models::SystemDataUsageResponse>),
        ("GET", "/system/df", read::<models::SystemDataUsageResponse>),
        ("POST", "/containers/box/update", read::<models::ContainerUpdateResponse>),
        ("POST", "/containers/prune", read::<models::ContainerPruneResponse>),
    ];
    for (method, path, read) in table {
        let document = json!({});
        let answer = client.request(method, path, (*method == "POST").then_some(&document)).ok();
        let again = read(answer.clone()).unwrap_or_else(|error| panic!("{method} {path}: {error}\n{answer:#}"));
        let mut lost = Vec::new();
        compare("", &answer, &again, &mut lost);
        lost.retain(|field| !field.starts_with(OURS));
        assert!(lost.is_empty(), "{method} {path}: docker's types do not have {lost:#?}");
    }
    objects_of_df(&mut client);
    assert_eq!(client.request("DELETE", &format!("/containers/{id}?force=1"), None).status, 204);
}

/// What our answers have on top of docker's description: pressure of the control group, in stats.
const OURS: &str = "/pressure_stats/";

/// The objects of the answer that the description leaves open.
fn objects_of_df(client: &mut Client) {
    let usage = client.request("GET", "/system/df?verbose=1", None).ok();
    let item = |kind: &str| usage[kind]["Items"][0].clone();
    let container: models::ContainerSummary = serde_json::from_value(item("ContainerUsage")).expect("a container");
    assert_eq!((container.size_rw, usage["ContainerUsage"]["TotalSize"].as_i64()), (Some(5), Some(5)), "{usage:#}");
    let image: models::ImageSummary = serde_json::from_value(item("ImageUsage")).expect("an image");
    assert_eq!((image.containers, image.shared_size), (1, 0), "{usage:#}");
    assert_eq!(usage["ImageUsage"]["TotalSize"].as_i64(), Some(image.size), "{usage:#}");
    assert_eq!(usage["ImageUsage"]["Reclaimable"], 0, "a container uses it: {usage:#}");
    let volume: models::Volume = serde_json::from_value(item("VolumeUsage")).expect("a volume");
    assert_eq!(volume.usage_data.map(|data| (data.ref_count, data.size)), Some((1, 0)), "{usage:#}");
    // Older clients add up by themselves.
    let old = client.request("GET", "/v1.51/system/df?type=image&type=container", None).ok();
    assert_eq!((&old["LayersSize"], &old["Containers"][0]["SizeRw"]), (&json!(image.size), &json!(5)), "{old:#}");
    assert_eq!(old.get("Volumes"), None, "{old:#}");
}

/// What `answer` says and `again` does not. A list without entries, zero, and null are the same as nothing.
fn compare(at: &str, answer: &Value, again: &Value, lost: &mut Vec<String>) {
    let nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
    };
    match (answer, again) {
        (Value::Object(fields), _) => {
            for (name, value) in fields {
                compare(&format!("{at}/{name}"), value, again.get(name).unwrap_or(&Value::Null), lost);
            }
        }
        (Value::Array(all), _) => {
            for (number, value) in all.iter().enumerate() {
                compare(&format!("{at}/{number}"), value, again.get(number).unwrap_or(&Value::Null), lost);
            }
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => {}
        // Moments may lose digits that are zero.
        (Value::String(one), Value::String(other)) if one.starts_with("20") && other.starts_with("20") => {}
        _ if answer == again || nothing(answer) => {}
        _ => lost.push(at.to_owned()),
    }
}
