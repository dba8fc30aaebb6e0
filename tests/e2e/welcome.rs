//! The image that ships inside the app.

use berth_tests::{Home, get};

#[test]
fn one_command_from_nothing_to_the_page() {
    let home = Home::new();
    let printed = home.berth(&["welcome"]);
    let url = printed
        .ok()
        .split_whitespace()
        .find(|word| word.starts_with("http://localhost:"))
        .expect("an address")
        .to_owned();
    let page = get(&url).expect("the page");
    assert!(
        page.body.contains("Your first container is running.") && page.body.contains("첫 컨테이너"),
        "{}",
        page.body
    );
    assert!(home.berth(&["welcome"]).ok().contains(&url), "a second time gives the same page");
    assert_eq!(home.berth(&["ps", "-q"]).ok().lines().count(), 1);
}
