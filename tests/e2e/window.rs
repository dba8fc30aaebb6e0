//! The real window under an X server without a screen, driven through tauri-driver and WebKit's own driver as a person
//! would click.

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
            let seen = self.find(id, limit).await.text().await.unwrap_or_default();
            if seen.contains(text) {
                return;
            }
            assert!(started.elapsed() < limit, "{id} reads {seen:?}, not {text:?}");
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

    window.speak("ko").await;
    window.reads("container-state-welcome", "실행 중", SOON).await;
    window.picture("3-korean").await;
    window.speak("en").await;

    Home::crash(home.window().expect("the window's process"));
    drop(window.drivers);
    assert_eq!(home.status()["state"], "running");
    home.berth(&["up"]).ok();
    assert!(get(&link).expect("the page").body.contains("Your first container is running."), "nothing was stopped");
    let window = Window::open(&home, &display).await;
    // The browser may not have kept yet what was chosen just before the crash.
    window.speak("en").await;
    window.reads("container-state-welcome", "Running", SOON).await;

    window.click("container-stop-welcome", SOON).await;
    window.reads("container-state-welcome", "Exited", BOOT).await;
    window.click("container-remove-welcome", SOON).await;
    window.find("run-welcome", SOON).await;
    window.picture("4-removed").await;
    assert_eq!(home.berth(&["ps", "-aq"]).ok(), "");
    window.close().await;
    assert_eq!(home.status()["state"], "running", "closing the window stops nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_from_its_form_to_its_end_by_clicking() {
    let (home, display) = (Home::up(), Display::start());
    let welcome = home.berth(&["welcome"]);
    let taken = welcome.ok().trim().rsplit(':').next().expect("an address with a port").to_owned();
    let window = Window::open(&home, &display).await;
    window.reads("machine-state", "Running", BOOT).await;

    // A port that is taken says by whom; a free one is taken.
    window.click("run-open", SOON).await;
    window.type_into("run-image", "berth/welcome:latest").await;
    window.type_into("run-name", "shop").await;
    window.type_into("run-port-inside-0", "80").await;
    window.type_into("run-port-host-0", &taken).await;
    window.reads("run-port-note-0", "welcome", SOON).await;
    let host = window.find("run-port-host-0", SOON).await;
    host.clear().await.expect("clear");
    let port = free_port();
    host.send_keys(&port.to_string()).await.expect("keys");
    window.reads("run-port-note-0", "free", SOON).await;
    let line = format!("docker run -d --name shop -p {port}:80 berth/welcome:latest");
    window.reads("run-line", &line, SOON).await;
    window.picture("5-run").await;
    window.click("run-start", SOON).await;
    window.reads("container-state-shop", "Running", BOOT).await;
    let page = format!("http://localhost:{port}/");
    eventually("its page", SOON, || get(&page).ok().filter(|page| page.body.contains("Your first container")));

    // A shell changes the page, and its log tells of it.
    window.click("container-show-shop", SOON).await;
    window.click("detail-tab-terminal", SOON).await;
    window.find("terminal", SOON).await;
    let keys = window.client.wait().at_most(SOON).for_element(Locator::Css(".xterm-helper-textarea")).await;
    let keys = keys.expect("a terminal");
    keys.send_keys("echo changed by hand > /srv/www/index.html; echo seen > /proc/1/fd/1\n").await.expect("keys");
    eventually("the page changes", SOON, || get(&page).ok().filter(|page| page.body.contains("changed by hand")));
    window.picture("6-terminal").await;
    window.click("detail-tab-logs", SOON).await;
    window.reads("log", "seen", SOON).await;
    window.click("detail-tab-stats", SOON).await;
    window.find("stats", SOON).await;
    window.picture("7-stats").await;

    // Its memory is limited while it runs.
    window.click("detail-menu", SOON).await;
    window.click("detail-limits", SOON).await;
    window.type_into("limits-memory", "64m").await;
    window.click("edit-send", SOON).await;
    window.reads("notice-title", "new limits", SOON).await;
    let memory = home.docker(&["inspect", "-f", "{{.HostConfig.Memory}}", "shop"]);
    assert_eq!(memory.ok().trim(), (64 << 20).to_string());

    window.click("back", SOON).await;
    window.click("container-stop-shop", SOON).await;
    window.reads("container-state-shop", "Exited", BOOT).await;
    window.click("container-remove-shop", SOON).await;
    eventually("it is gone", SOON, || (!home.berth(&["ps", "-a"]).ok().contains("shop")).then_some(()));
    window.close().await;
}
