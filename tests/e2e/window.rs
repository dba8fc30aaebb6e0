//! The real window under an X server without a screen, driven through tauri-driver and WebKit's own driver as a person
//! would click.

mod containers;
mod lists;

use berth_tests::{Build, Display, Home, eventually, free_port, get};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An emulated machine boots in seconds, but two cores also draw the window.
const BOOT: Duration = Duration::from_secs(90);
const SOON: Duration = Duration::from_secs(30);

/// The drivers and the window they opened; all of them end with this value.
struct Window {
    client: Client,
    drivers: Drivers,
}

/// The process group of `dbus-run-session`: the session's bus, tauri-driver, WebKitWebDriver.
struct Drivers(Child);

impl Drop for Drivers {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.0.id()).expect("a process id"));
        // The group is gone already when a driver could not start.
        killpg(group, Signal::SIGKILL).ok();
        drop(self.0.wait());
    }
}

impl Window {
    async fn open(home: &Home, display: &Display) -> Self {
        let (port, webkit) = (free_port(), free_port());
        let drivers = Command::new("dbus-run-session")
            .arg("--")
            .arg(Build::tool("tauri-driver"))
            .args([format!("--port={port}"), format!("--native-port={webkit}")])
            .env("DISPLAY", display.name())
            .env("BERTH_HOME", home.path())
            .env("NO_AT_BRIDGE", "1")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(Drivers)
            .expect("dbus is installed");
        let application = json!({ "application": Build::program("berth-desktop") });
        let capabilities = serde_json::Map::from_iter([("tauri:options".to_owned(), application)]);
        let address = format!("http://127.0.0.1:{port}");
        eventually("the driver answers", SOON, || get(&format!("{address}/status")).ok());
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&address)
            .await
            .expect("the window opens");
        Self { client, drivers }
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

    /// Types into the element with this test id.
    async fn type_into(&self, id: &str, text: &str) {
        self.find(id, SOON).await.send_keys(text).await.expect("keys");
    }

    async fn click(&self, id: &str, limit: Duration) {
        self.find(id, limit).await.click().await.expect("click");
    }

    /// Waits until the text of an element contains `text`.
    async fn reads(&self, id: &str, text: &str, limit: Duration) {
        let started = std::time::Instant::now();
        loop {
            // The driver takes text that is cut after some lines for hidden; the page's own word for it is asked.
            let seen = self.find(id, limit).await.prop("textContent").await.ok().flatten().unwrap_or_default();
            if seen.contains(text) {
                return;
            }
            if started.elapsed() > limit {
                self.picture(&format!("failed-{id}")).await;
                panic!("{id} reads {seen:?}, not {text:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Chooses a language in the settings and goes back to the containers.
    async fn speak(&self, language: &str) {
        self.click("nav-settings", SOON).await;
        self.click(&format!("language-{language}"), SOON).await;
        self.click("nav-containers", SOON).await;
    }

    /// Keeps a picture of the pages, as drawn once the browser is idle, as `name.png` in the output folder.
    async fn picture(&self, name: &str) {
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::write(Build::output().join(format!("{name}.png")), png).expect("the output folder");
    }

    async fn close(self) {
        self.client.close().await.expect("close the window");
        drop(self.drivers);
    }
}
