//! Images, networks and ports by clicking.

use super::{BOOT, SOON, Window};
use berth_tests::{Display, Home, Registry, eventually};

/// The welcome container, which `berth welcome` runs.
const WELCOME: &str = "welcome";

async fn with_the_welcome_container(home: &Home, display: &Display) -> (Window, String) {
    let welcome = home.berth(&["welcome"]);
    let port = welcome.ok().trim().rsplit(':').next().expect("an address with a port").to_owned();
    let window = Window::open(home, display).await;
    window.reads("machine-state", "Running", BOOT).await;
    (window, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_pulled_looked_at_kept_while_in_use_and_removed() {
    let (registry, home, display) = (Registry::start(), Home::up(), Display::start());
    let (window, _) = with_the_welcome_container(&home, &display).await;
    let image = registry.image("busybox:latest");

    window.click("nav-images", SOON).await;
    window.click("pull-open", SOON).await;
    window.type_into("pull-field", "127.0.0.1:1/none").await;
    window.click("pull-start", SOON).await;
    window.reads("pull-problem", "127.0.0.1:1", SOON).await;
    let field = window.find("pull-field", SOON).await;
    field.clear().await.expect("clear");
    field.send_keys(&image).await.expect("keys");
    window.click("pull-start", SOON).await;
    window.find(&format!("image-show-{image}"), BOOT).await;
    assert!(home.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok().contains(&image));
    window.picture("8-images").await;

    window.click(&format!("image-show-{image}"), SOON).await;
    window.find("image-layer", SOON).await;
    window.reads("layers-summary", "1", SOON).await;
    window.click("image-tab-history", SOON).await;
    window.find("image-step", SOON).await;
    window.click("back", SOON).await;

    let used = "berth/welcome:latest";
    window.click(&format!("image-remove-{used}"), SOON).await;
    window.reads("notice-title", used, SOON).await;
    assert!(home.docker(&["images", "-q", used]).ok().len() > 5, "an image in use stays");
    window.click(&format!("image-remove-{image}"), SOON).await;
    eventually("it is gone", SOON, || home.docker(&["images", "-q", &image]).ok().is_empty().then_some(()));
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_made_joined_left_and_removed_and_a_port_shared() {
    let (home, display) = (Home::up(), Display::start());
    let (window, port) = with_the_welcome_container(&home, &display).await;
    let members = || home.docker(&["network", "inspect", "back", "--format", "{{range .Containers}}{{.Name}} {{end}}"]);

    window.click("nav-networks", SOON).await;
    window.click("network-create", SOON).await;
    window.type_into("network-name", "back").await;
    window.type_into("network-subnet", "172.17.0.0/16").await;
    window.click("network-create-do", SOON).await;
    window.reads("network-problem", "Pool overlaps", SOON).await;
    let subnet = window.find("network-subnet", SOON).await;
    subnet.clear().await.expect("clear");
    subnet.send_keys("10.7.0.0/24").await.expect("keys");
    window.click("network-create-do", SOON).await;
    window.click("network-show-back", SOON).await;
    window.click("network-connect", SOON).await;
    window.click("network-connect-do", SOON).await;
    window.reads("network-member", WELCOME, SOON).await;
    assert_eq!(members().ok().trim(), WELCOME);
    window.picture("9-network").await;
    window.click(&format!("network-disconnect-{WELCOME}"), SOON).await;
    eventually("it has left", SOON, || members().ok().trim().is_empty().then_some(()));
    window.click("back", SOON).await;
    window.click("network-remove-back", SOON).await;
    let names = || home.docker(&["network", "ls", "--format", "{{.Name}}"]);
    eventually("it is gone", SOON, || (names().ok() == "bridge\nhost\nnone").then_some(()));

    window.click("nav-ports", SOON).await;
    window.reads(&format!("port-health-{port}"), "Listening", SOON).await;
    window.click(&format!("port-share-{port}"), SOON).await;
    window.reads(&format!("port-health-{port}"), "Open to the network", SOON).await;
    window.picture("10-ports").await;
    let shown = home.berth(&["ports", "--format", "json"]);
    assert!(shown.ok().contains(r#""Shared":"true""#), "{shown}");
    window.click(&format!("port-share-{port}"), SOON).await;
    window.reads(&format!("port-health-{port}"), "Listening", SOON).await;
    window.close().await;
}
