//! Images on their way to a registry, with the docker CLI and with `berth`.

use crate::user::User;
use berth_tests::{Home, Registry};

#[test]
fn an_image_is_pushed_and_comes_back() {
    let (source, target, home) = (Registry::start(), Registry::empty(), Home::up());
    let busybox = source.image("busybox:latest");
    home.berth(&["pull", &busybox]).ok();
    home.berth(&["run", "--name", "changed", &busybox, "sh", "-c", "echo mine > /mine"]).ok();
    for user in User::both(&home, &busybox) {
        let (name, asks) = (user.name, |arguments: &[&str]| user.asks(arguments));
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

#[test]
fn images_go_into_archives_and_back_and_are_remembered() {
    let (source, home) = (Registry::start(), Home::up());
    let busybox = source.image("busybox:latest");
    home.berth(&["pull", &busybox]).ok();
    home.berth(&["run", "--name", "changed", &busybox, "sh", "-c", "echo mine > /mine"]).ok();
    for user in User::both(&home, &busybox) {
        let (name, asks) = (user.name, |arguments: &[&str]| user.asks(arguments));
        let (mine, file) = (format!("{name}/mine:1"), home.path().join(format!("{name}.tar")).display().to_string());
        asks(&["commit", "-m", "it is mine", "changed", &mine]).ok();
        let id = asks(&["images", "-q", "--no-trunc", &mine]).ok().to_owned();
        asks(&["save", "-o", &file, &mine, &busybox]).ok();
        asks(&["rmi", &mine]).ok();
        let loaded = asks(&["load", "-i", &file]).ok().to_owned();
        assert!(loaded.contains(&format!("Loaded image: {mine}")), "{loaded}");
        assert_eq!(asks(&["images", "-q", "--no-trunc", &mine]).ok(), id, "the same image comes back");
        assert_eq!(asks(&["run", "--rm", &mine, "cat", "/mine"]).ok(), "mine");
        let history = asks(&["history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Comment}}", &mine]);
        assert!(history.ok().starts_with("sh -c echo mine > /mine|it is mine"), "{history}");

        // A container's files alone, as a new image.
        let (bare, flat) =
            (home.path().join(format!("{name}-flat.tar")).display().to_string(), format!("{name}/flat:1"));
        asks(&["export", "-o", &bare, "changed"]).ok();
        let imported = asks(&["import", "-c", "CMD [\"cat\", \"/mine\"]", &bare, &flat]);
        assert!(imported.ok().starts_with("sha256:"), "{imported}");
        assert_eq!(asks(&["run", "--rm", &flat]).ok(), "mine");

        // What hangs on nothing goes, what has a name stays.
        asks(&["tag", &flat, &mine]).ok();
        asks(&["rmi", &flat]).ok();
        let previous = home.berth(&["images", "--history", &mine]);
        assert!(previous.ok().contains(&id["sha256:".len()..][..12]), "{previous}");
        home.berth(&["tag", &id, &mine]).ok();
        assert_eq!(asks(&["images", "-q", "--no-trunc", &mine]).ok(), id, "the image before is back");
        asks(&["image", "prune", "-f"]).ok();
        assert!(asks(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok().contains(&mine));
        assert_eq!(asks(&["images", "-q", "-f", "dangling=true"]).ok(), "");
        let explored = home.berth(&["image", "explore", &mine]);
        assert!(explored.ok().contains("echo mine > /mine"), "{explored}");
        asks(&["rmi", &mine]).ok();

        let missing = asks(&["save", "-o", &file, "nobody/nothing:1"]);
        assert!(missing.fails(1).contains("No such image: nobody/nothing:1"), "{missing}");
    }
    let checked = home.berth(&["doctor", "--images"]);
    assert!(checked.ok().ends_with("all is as it was stored"), "{checked}");
}
