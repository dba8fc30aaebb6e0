//! Images on their way to a registry, with the docker CLI and with `berth`.

use berth_tests::{Home, Registry, run};

#[test]
fn an_image_is_pushed_and_comes_back() {
    let (source, target, home) = (Registry::start(), Registry::empty(), Home::up());
    let busybox = source.image("busybox:latest");
    home.berth(&["pull", &busybox]).ok();
    home.berth(&["run", "--name", "changed", &busybox, "sh", "-c", "echo mine > /mine"]).ok();
    for (command, name) in [(Home::docker_command as fn(&Home, &[&str]) -> _, "docker"), (Home::berth_command, "berth")]
    {
        let asks = |arguments: &[&str]| run(&mut command(&home, arguments));
        let tagged = target.image(&format!("{name}/busybox:1"));
        asks(&["tag", &busybox, &tagged]).ok();
        let said = asks(&["push", &tagged]).ok().to_owned();
        assert!(
            said.starts_with(&format!("The push refers to repository [{}]", target.image(&format!("{name}/busybox")))),
            "{said}"
        );
        let digest = said.split_whitespace().find(|word| word.starts_with("sha256:")).expect("a digest").to_owned();
        assert!(said.contains(&format!("1: digest: {digest} size: ")), "{said}");
        assert!(asks(&["push", &tagged]).ok().contains("Layer already exists"));
        asks(&["rmi", &tagged]).ok();
        let by_digest = format!("{}@{digest}", target.image(&format!("{name}/busybox")));
        assert!(asks(&["pull", &by_digest]).ok().contains(&digest));

        // What a container made has no compressed layer yet.
        let made = target.image(&format!("{name}/mine:latest"));
        asks(&["commit", "changed", &made]).ok();
        assert_eq!(asks(&["push", "-q", &made]).ok(), made);
        asks(&["rmi", &made]).ok();
        assert_eq!(asks(&["run", "--rm", &made, "cat", "/mine"]).ok(), "mine");

        let missing = target.image("nothing:1");
        let refused = asks(&["push", &missing]);
        let text = format!("An image does not exist locally with the tag: {}", target.image("nothing"));
        assert!(refused.fails(1).contains(&text), "{}", refused.stderr);
    }
    home.berth(&["rm", "changed"]).ok();
}
