//! A place that is swapped for another while it is mounted or copied.

use super::{output, remove, run, start};
use crate::count;
use berth_tests::native::{Engine, Ground};
use serde_json::json;

/// CVE-2021-30465: one container swaps a directory in a volume for a link to the root while another is started with a
/// mount below it.
#[test]
fn a_swapped_mount_target_leads_nowhere() {
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let mut client = engine.client();
    let canary = ground.dir().join("canary");
    std::fs::create_dir(&canary).expect("a canary");
    std::fs::write(canary.join("alive"), "alive").expect("a canary");
    // The link leads to the canary from the machine's root, and so does it from the container's, where it is not.
    let swaps = format!(
        "cd /vol; mkdir -p a; while :; do mv a b; ln -s {} a; rm a; mv b a; done",
        canary.parent().expect("a folder").display()
    );
    let swapper = client.create("swapper", &run(&["sh", "-c", &swaps], json!({ "Binds": ["shared:/vol"] })));
    start(&mut client, &swapper);
    let (mut started, mut met) = (0, 0);
    let times = count(25);
    let look = format!("cat /vol/a/canary/alive 2>/dev/null; ls -d {} 2>/dev/null; true", canary.display());
    for n in 0..times {
        let host = json!({ "Binds": ["shared:/vol", "other:/vol/a/canary"], "Tmpfs": { "/vol/a/tmp": "" }, "NetworkMode": "none" });
        let body = run(&["sh", "-c", &look], host);
        let id = client.create("", &body);
        // A start that meets the link may fail; what it must not do is follow it out.
        if client.request("POST", &format!("/containers/{id}/start"), None).status == 204 {
            started += 1;
            client.request("POST", &format!("/containers/{id}/wait"), None).ok();
            let seen = output(&mut client, &id);
            assert!(!seen.contains("alive"), "start {n} read the canary: {seen}");
            // The link was followed in the container's own root.
            met += u32::from(!seen.is_empty());
        }
        let outside: Vec<_> = ground.traces().mounts.into_iter().filter(|at| at.contains("canary")).collect();
        assert!(outside.is_empty(), "start {n} mounted {outside:?}");
        remove(&mut client, &id);
        assert_eq!(std::fs::read_dir(&canary).expect("the canary").count(), 1, "start {n}");
    }
    println!("{started} of {times} starts went through, {met} of them met the link");
    assert!(started > 0, "the swapper kept every start from going through: nothing was tested");
    assert!(times < 1_000 || met > 0 || started < times, "no start met the link: nothing was tested");
    remove(&mut client, &swapper);
}

/// CVE-2018-15664: a container swaps a directory for links that lead out, in its root and in a volume, while files are
/// copied out of it and into it.
#[test]
fn a_swapped_directory_is_not_copied_through() {
    const SECRET: &[u8] = b"alive and outside";
    let ground = Ground::new();
    let engine = Engine::with_busybox(&ground);
    let mut client = engine.client();
    let canary = ground.dir().join("canary");
    std::fs::create_dir(&canary).expect("a canary");
    std::fs::write(canary.join("own"), SECRET).expect("a canary");
    let up = "../".repeat(12);
    let swaps = format!(
        "mkdir -p /here/a; echo inside > /here/a/own; echo inside > /vol/own; mkdir -p /vol/a; echo inside > /vol/a/own
         for at in /here /vol; do (cd $at; while :; do
           for to in {canary} {up}{canary} /proc/self/root{canary} /proc/1/cwd/{up}{canary}; do
             mv a b; ln -s $to a; rm a; mv b a
           done
         done) & done; wait",
        canary = canary.display()
    );
    let swapper = client.create("swapper", &run(&["sh", "-c", &swaps], json!({ "Binds": ["shared:/vol"] })));
    start(&mut client, &swapper);
    let planted = |name: &str| {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(7);
        archive.append_data(&mut header, name, &b"planted"[..]).expect("a file");
        archive.into_inner().expect("an archive")
    };
    let (direct, through) = (planted("planted"), planted("a/planted"));
    let (mut got, mut put, mut swapped) = (0_u32, 0_u32, 0_u32);
    let times = count(60);
    for n in 0..times {
        let at = if n % 2 == 0 { "/here" } else { "/vol" };
        for path in [format!("{at}/a"), format!("{at}/a/"), format!("{at}/a/own")] {
            let path = format!("/containers/{swapper}/archive?path={path}");
            match client.try_request("GET", &path, None) {
                Ok(answer) => {
                    let leaked = answer.body.windows(SECRET.len()).any(|bytes| bytes == SECRET);
                    assert!(!leaked, "copy {n} of {path} came from outside");
                    // The type of the first entry: a link.
                    swapped += u32::from(answer.status == 200 && answer.body.get(156) == Some(&b'2'));
                    got += u32::from(answer.status == 200 && answer.body.windows(6).any(|bytes| bytes == b"inside"));
                }
                // What is swapped in the middle cuts the copy off.
                Err(_) => client = engine.client(),
            }
        }
        for (path, archive) in [(format!("{at}/a"), &direct), (format!("{at}/a/"), &direct), (at.to_owned(), &through)]
        {
            let path = format!("/containers/{swapper}/archive?path={path}");
            match client.try_send("PUT", &path, archive) {
                Ok(answer) => put += u32::from(answer.status == 200),
                Err(_) => client = engine.client(),
            }
        }
        let there: Vec<_> = std::fs::read_dir(&canary).expect("the canary").flatten().collect();
        assert_eq!(there.len(), 1, "copy {n} went outside: {there:?}");
        assert_eq!(std::fs::read(canary.join("own")).expect("the canary"), SECRET, "copy {n}");
    }
    println!(
        "{times} rounds of 3 copies out and 3 in: {got} files came out, {swapped} links did, {put} copies went in"
    );
    assert!(got > 0 && put > 0, "the swapper kept every copy from going through: nothing was tested");
    assert!(swapped > 0, "no copy met a link: nothing was tested");
    remove(&mut client, &swapper);
}
