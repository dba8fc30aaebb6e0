//! The real window under an X server without a screen, driven through WebKit's own driver as a person would click.

use berth_tests::{Build, Display, Home, eventually, free_port, get};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An emulated machine boots in seconds, but two cores also draw the window.
const BOOT: Duration = Duration::from_secs(90);
const SOON: Duration = Duration::from_secs(30);

/// WebKit's driver and the window it opened; both end with this value.
struct Window {
    client: Client,
    driver: Child,
}

impl Window {
    async fn open(home: &Home, display: &Display) -> Self {
        let port = free_port();
        let driver = Command::new("dbus-run-session")
            .args(["--", "WebKitWebDriver", &format!("--port={port}")])
            .env("DISPLAY", display.name())
            .env("BERTH_HOME", home.path())
            // Without these WebKit waits for a driver of its own kind and the session hangs.
            .envs([("TAURI_AUTOMATION", "true"), ("TAURI_WEBVIEW_AUTOMATION", "true"), ("NO_AT_BRIDGE", "1")])
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus and webkit2gtk-driver are installed");
        let options = json!({ "binary": Build::program("berth-desktop"), "args": [] });
        let capabilities = serde_json::Map::from_iter([("webkitgtk:browserOptions".to_owned(), options)]);
        let address = format!("http://127.0.0.1:{port}");
        eventually("the driver answers", SOON, || get(&format!("{address}/status")).ok());
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&address)
            .await
            .expect("the window opens");
        Self { client, driver }
    }

    /// The element with this test id, once it is there.
    async fn find(&self, id: &str, limit: Duration) -> fantoccini::elements::Element {
        let selector = format!("[data-testid='{id}']");
        self.client
            .wait()
            .at_most(limit)
            .for_element(Locator::Css(&selector))
            .await
            .unwrap_or_else(|error| panic!("{id}: {error}"))
    }

    async fn click(&self, id: &str, limit: Duration) {
        self.find(id, limit).await.click().await.expect("click");
    }

    /// Waits until the text of an element contains `text`.
    async fn reads(&self, id: &str, text: &str, limit: Duration) {
        let started = std::time::Instant::now();
        loop {
            let seen = self.find(id, limit).await.text().await.unwrap_or_default();
            if seen.contains(text) {
                return;
            }
            assert!(started.elapsed() < limit, "{id} reads {seen:?}, not {text:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Keeps a picture of the pages, as drawn once the browser is idle, as `name.png` in the output folder.
    async fn picture(&self, name: &str) {
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::write(Build::output().join(format!("{name}.png")), png).expect("the output folder");
    }

    async fn close(mut self) {
        self.client.clone().close().await.expect("close the window");
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_list_to_the_page_and_back() {
    let (home, display) = (Home::new(), Display::start());
    let window = Window::open(&home, &display).await;

    window.click("machine-start", SOON).await;
    window.reads("machine-state", "Running", BOOT).await;
    window.picture("1-empty").await;
    window.click("run-welcome", BOOT).await;
    window.reads("container-state-welcome", "Running", BOOT).await;
    let link = window.find("port-link-welcome", SOON).await.attr("href").await.expect("attribute").expect("an address");
    window.picture("2-running").await;
    assert!(get(&link).expect("the page").body.contains("Your first container is running."));
    assert!(home.berth(&["ps"]).ok().contains("welcome"));

    window.click("language-ko", SOON).await;
    window.reads("container-state-welcome", "실행 중", SOON).await;
    window.picture("3-korean").await;
    window.click("language-en", SOON).await;

    window.click("container-stop-welcome", SOON).await;
    window.reads("container-state-welcome", "Exited", BOOT).await;
    window.click("container-remove-welcome", SOON).await;
    window.find("run-welcome", SOON).await;
    window.picture("4-removed").await;
    assert_eq!(home.berth(&["ps", "-aq"]).ok(), "");
    window.close().await;
    assert_eq!(home.status()["state"], "running", "closing the window stops nothing");
}
