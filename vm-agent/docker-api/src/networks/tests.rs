//! Networks through the whole router, on an engine with fakes.

use axum::body::Body;
use berth_engine::{Engine, fake::Fakes};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

struct Case {
    _dir: tempfile::TempDir,
    engine: Engine,
}

impl Case {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Fakes::new(dir.path()).engine().await.unwrap();
        Self { _dir: dir, engine }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = crate::router(self.engine.clone()).oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status.as_u16(), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn made(&self, path: &str, body: Value) -> String {
        let (status, answer) = self.ask("POST", path, body).await;
        assert_eq!(status, StatusCode::CREATED.as_u16(), "{answer}");
        answer["Id"].as_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

#[tokio::test]
async fn a_network_lives_as_compose_has_it_live() {
    let case = Case::new().await;
    let id = case
        .made(
            "/v1.51/networks/create",
            json!({ "Name": "app_default", "CheckDuplicate": true, "Labels": { "com.docker.compose.project": "app" },
                "EnableIPv6": true, "IPAM": { "Config": [{ "Subnet": "10.5.0.0/24" }, { "Subnet": "fd00:5::/64" }] } }),
        )
        .await;
    let endpoint = json!({ "Aliases": ["web"], "IPAMConfig": { "IPv4Address": "10.5.0.77" } });
    let container = case
        .made(
            "/v1.51/containers/create?name=app-web-1",
            json!({ "Image": "busybox", "HostConfig": { "NetworkMode": "app_default" },
                "NetworkingConfig": { "EndpointsConfig": { "app_default": endpoint } } }),
        )
        .await;
    assert_eq!(case.ask("POST", "/containers/app-web-1/start", Value::Null).await.0, 204);
    let shown = case.get("/v1.44/containers/app-web-1/json").await;
    let on = &shown["NetworkSettings"]["Networks"]["app_default"];
    assert_eq!((on["IPAddress"].as_str(), on["GlobalIPv6Address"].as_str()), (Some("10.5.0.77"), Some("fd00:5::2")));
    assert_eq!(on["Aliases"], json!(["web", &container[..12]]), "up to API 1.44 the short id is one of them");
    let on = &case.get("/containers/app-web-1/json").await["NetworkSettings"]["Networks"]["app_default"];
    assert_eq!((&on["Aliases"], &on["NetworkID"]), (&json!(["web"]), &json!(id)));
    assert_eq!(on["DNSNames"], json!(["app-web-1", "web", &container[..12]]));
    assert_eq!(on["IPAMConfig"], json!({ "IPv4Address": "10.5.0.77" }));

    let network = case.get("/networks/app_default?verbose=true").await;
    assert_eq!(network["Containers"][&container]["IPv4Address"], "10.5.0.77/24");
    assert_eq!(network["Status"]["IPAM"]["Subnets"]["10.5.0.0/24"]["IPsInUse"], 2);
    let filter = "%7B%22label%22%3A%5B%22com.docker.compose.project%3Dapp%22%5D%7D";
    let list = case.get(&format!("/networks?filters={filter}")).await;
    assert_eq!((list.as_array().unwrap().len(), &list[0]["Name"]), (1, &json!("app_default")));
    assert_eq!(case.ask("DELETE", "/networks/app_default", Value::Null).await.0, 403);

    let one = json!({ "Container": "app-web-1" });
    assert_eq!(case.ask("POST", "/networks/bridge/connect", one.clone()).await.0, 200);
    assert_eq!(case.ask("POST", "/networks/app_default/disconnect", one).await.0, 200);
    assert_eq!(case.ask("DELETE", "/networks/app_default", Value::Null).await.0, 204);
    assert_eq!(case.ask("GET", "/networks/app_default", Value::Null).await.0, 404);
}

#[tokio::test]
async fn refusals_have_dockers_codes() {
    let case = Case::new().await;
    let (status, answer) = case.ask("POST", "/networks/create", json!({ "Name": "a" })).await;
    assert_eq!((status, answer["Warning"].as_str()), (201, Some("")));
    for (method, path, body, expected, said) in [
        ("POST", "/networks/create", json!({ "Name": "a" }), 409, "network with name a already exists"),
        ("POST", "/networks/create", json!({ "Name": "none" }), 403, "not permitted on predefined none network"),
        ("POST", "/networks/create", json!({ "Name": "o", "Driver": "overlay" }), 403, "not a swarm manager"),
        ("POST", "/networks/create", json!({ "Name": "c", "ConfigOnly": true }), 400, "not supported by Berth yet"),
        ("POST", "/networks/create", Value::Null, 400, "invalid network name"),
        ("POST", "/networks/a/connect", json!({ "Container": "x" }), 404, "No such container: x"),
        ("POST", "/networks/x/connect", json!({ "Container": "x" }), 404, "network x not found"),
        ("POST", "/networks/a/rename", Value::Null, 404, "page not found"),
        ("POST", "/networks/a", Value::Null, 405, "method not allowed"),
        ("DELETE", "/networks/host", Value::Null, 403, "host is a pre-defined network and cannot be removed"),
        (
            "GET",
            "/networks?filters=%7B%22type%22%3A%5B%22odd%22%5D%7D",
            Value::Null,
            400,
            "invalid filter: 'type'='odd'",
        ),
    ] {
        let (status, answer) = case.ask(method, path, body).await;
        let text = answer["message"].as_str().unwrap_or_default();
        assert!(status == expected && text.contains(said), "{method} {path}: {status} {text}");
    }
    let (_, pruned) = case.ask("POST", "/networks/prune", Value::Null).await;
    assert_eq!(pruned, json!({ "NetworksDeleted": ["a"] }));
    let (_, pruned) = case.ask("POST", "/networks/prune", Value::Null).await;
    assert_eq!(pruned, json!({ "NetworksDeleted": null }));
}
