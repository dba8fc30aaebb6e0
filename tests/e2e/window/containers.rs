//! Containers by clicking.

use super::{BOOT, SOON, Window};
use berth_tests::{Display, Home, eventually, free_port, get};
use fantoccini::Locator;

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
