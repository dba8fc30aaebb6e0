//! Files out of and into containers, and images made of them.

use crate::ground::{on_own_ground, run, shell};
use berth_engine::{
    CommitOptions, Engine, Error,
    container::{ContainerState, RemoveOptions, StopOptions, WaitCondition},
    files::{ArchiveStream, ChangeKind, PutOptions},
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use std::{io::Read, path::Path};

const FORCE: RemoveOptions = RemoveOptions { force: true, volumes: true };
const AT_ONCE: StopOptions = StopOptions { timeout: Some(0), signal: None };

pub(crate) async fn whole(archive: ArchiveStream) -> Vec<u8> {
    archive.try_collect::<Vec<Bytes>>().await.unwrap().concat()
}

/// Names of an archive, links with where they lead, files with their text.
pub(crate) fn listed(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let link = entry.link_name_bytes().map(|link| format!(" -> {}", String::from_utf8_lossy(&link)));
        let mut text = String::new();
        entry.read_to_string(&mut text).ok();
        let text = if text.is_empty() { text } else { format!("={}", text.trim_end()) };
        format!("{name}{}{text}", link.unwrap_or_default())
    });
    entries.collect()
}

async fn get(engine: &Engine, name: &str, path: &str) -> Result<Vec<String>, Error> {
    let (_, archive) = engine.container_archive(name, path).await?;
    Ok(listed(&whole(archive).await))
}

pub(crate) fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, text) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_mode(if name.ends_with('/') { 0o755 } else { 0o640 });
        header.set_entry_type(if name.ends_with('/') { tar::EntryType::Directory } else { tar::EntryType::Regular });
        header.set_uid(7);
        header.set_gid(8);
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

pub(crate) async fn put(
    engine: &Engine,
    name: &str,
    path: &str,
    options: PutOptions,
    bytes: Vec<u8>,
) -> Result<(), Error> {
    let pieces: Vec<_> = bytes.chunks(1000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    engine.put_archive(name, path, options, futures_util::stream::iter(pieces).boxed()).await
}

/// A copy into `/tmp` of the container `c1` that stands still: where the rest of it goes, the copy, and the rest.
async fn half_copied(
    engine: &Engine,
) -> (tokio::sync::mpsc::Sender<std::io::Result<Bytes>>, tokio::task::JoinHandle<Result<(), Error>>, Bytes) {
    let (feed, pieces) = tokio::sync::mpsc::channel(1);
    let pieces = futures_util::stream::unfold(pieces, async |mut pieces| Some((pieces.recv().await?, pieces)));
    let copy = tokio::spawn({
        let engine = engine.clone();
        async move { engine.put_archive("c1", "/tmp", PutOptions::default(), pieces.boxed()).await }
    });
    let mut bytes = Bytes::from(archive(&[("slow", "text")]));
    // The third goes through once the first was taken.
    for length in [512, 88, 100] {
        feed.send(Ok(bytes.split_to(length))).await.unwrap();
    }
    (feed, copy, bytes)
}

pub(crate) async fn started(
    engine: &Engine,
    name: &str,
    line: &str,
    change: impl FnOnce(&mut berth_engine::container::HostConfig),
) {
    engine.create_container(shell(name, line, |_, host| change(host))).await.unwrap();
    engine.start_container(name).await.unwrap();
    // The shell has begun when its mark is there.
    while engine.container_path_stat(name, "/tmp/ready").await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[test]
fn files_go_both_ways_whether_it_runs_or_not() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "mkdir -p /tmp /tmp/d; echo in > /vol/f; echo t > /scratch/t; ln -s /vol /tmp/link; touch /tmp/ready; sleep 1000";
        started(&engine, "c1", line, |host| {
            host.binds = vec!["data:/vol".into()];
            host.tmpfs.insert("/scratch".into(), String::new());
        })
        .await;
        // As the container sees it: volumes, tmpfs and its own /etc/hostname.
        assert_eq!(get(&engine, "c1", "/vol/f").await.unwrap(), ["f=in"]);
        assert_eq!(get(&engine, "c1", "/scratch/").await.unwrap(), ["scratch/", "scratch/t=t"]);
        assert_eq!(get(&engine, "c1", "/tmp/link").await.unwrap(), ["link -> /vol"]);
        assert_eq!(get(&engine, "c1", "/tmp/link/.").await.unwrap(), ["./", "./f=in"]);
        let stat = engine.container_path_stat("c1", "/tmp/link").await.unwrap();
        assert_eq!((stat.name.as_str(), stat.link_target.as_str()), ("link", "/vol"));
        // The kernel's own view goes nowhere, but does not hinder a copy of all.
        let error = get(&engine, "c1", "/proc/self").await.unwrap_err().to_string();
        assert!(error.contains("kernel's own view"), "{error}");
        let all = get(&engine, "c1", "/").await.unwrap();
        assert!(all.contains(&"/proc/".to_owned()) && !all.iter().any(|name| name.starts_with("/proc/1")));
        assert!(all.contains(&"/vol/f=in".to_owned()) && all.contains(&"/dev/".to_owned()));

        let bytes = archive(&[("new/", ""), ("new/file", "sent")]);
        put(&engine, "c1", "/tmp/d", PutOptions::default(), bytes.clone()).await.unwrap();
        put(&engine, "c1", "/tmp/link", PutOptions::default(), bytes.clone()).await.unwrap();
        assert_eq!(get(&engine, "c1", "/vol").await.unwrap(), ["vol/", "vol/f=in", "vol/new/", "vol/new/file=sent"]);
        let missing = get(&engine, "c1", "/nope").await.unwrap_err();
        assert_eq!(missing.to_string(), "Could not find the file /nope in container c1");
        let bad = put(&engine, "c1", "/vol/f", PutOptions::default(), bytes.clone()).await.unwrap_err();
        assert_eq!(bad.to_string(), "extraction point is not a directory");
        let keep = PutOptions { keep_kinds: true, ..PutOptions::default() };
        let bad = put(&engine, "c1", "/vol", keep, archive(&[("new", "x")])).await.unwrap_err().to_string();
        assert!(bad.starts_with("cannot overwrite directory"), "{bad}");
        let proc = put(&engine, "c1", "/proc", PutOptions::default(), bytes.clone()).await.unwrap_err().to_string();
        assert!(proc.contains("kernel's own view"), "{proc}");

        engine.stop_container("c1", AT_ONCE).await.unwrap();
        assert_eq!(get(&engine, "c1", "/tmp/link/f").await.unwrap(), ["f=in"], "volumes are there without a process");
        put(&engine, "c1", "/tmp/d", PutOptions::default(), archive(&[("late", "late")])).await.unwrap();
        put(&engine, "c1", "/vol", PutOptions::default(), archive(&[("late", "late")])).await.unwrap();
        ground.nothing_runs();
        engine.start_container("c1").await.unwrap();
        assert_eq!(get(&engine, "c1", "/tmp/d/late").await.unwrap(), ["late=late"]);
        assert_eq!(get(&engine, "c1", "/vol/late").await.unwrap(), ["late=late"]);
        engine.remove_container("c1", FORCE).await.unwrap();
    });
}

#[test]
fn a_copy_out_and_into_the_same_container_does_not_wait_for_itself() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        run(&engine, "c1", "mkdir /a /b; dd if=/dev/zero of=/a/big bs=1M count=5 2>/dev/null", |_, _| {}).await;
        let (_, archive) = engine.container_archive("c1", "/a/big").await.unwrap();
        let archive = archive.map_err(std::io::Error::other).boxed();
        engine.put_archive("c1", "/b", PutOptions::default(), archive).await.unwrap();
        assert_eq!(engine.container_path_stat("c1", "/b/big").await.unwrap().size, 5 << 20);
        engine.remove_container("c1", FORCE).await.unwrap();
    });
}

#[test]
fn a_container_that_is_copied_into_stops_but_does_not_start_again_meanwhile() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        started(&engine, "c1", "mkdir -p /tmp; touch /tmp/ready; sleep 1000", |_| {}).await;
        let (feed, copy, rest) = half_copied(&engine).await;
        engine.stop_container("c1", AT_ONCE).await.unwrap();
        let starting = tokio::spawn({
            let engine = engine.clone();
            async move { engine.start_container("c1").await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert!(!starting.is_finished(), "it is started while it is written to by the way of its last process");
        feed.send(Ok(rest)).await.unwrap();
        drop(feed);
        copy.await.unwrap().unwrap();
        starting.await.unwrap().unwrap();
        assert_eq!(get(&engine, "c1", "/tmp/slow").await.unwrap(), ["slow=text"]);
        engine.remove_container("c1", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}

#[test]
fn a_copy_that_stalls_keeps_no_container_from_being_removed_by_force() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        for runs in [true, false] {
            started(&engine, "c1", "mkdir -p /tmp; touch /tmp/ready; sleep 1000", |_| {}).await;
            if !runs {
                engine.stop_container("c1", AT_ONCE).await.unwrap();
            }
            let (_feed, copy, _rest) = half_copied(&engine).await;
            engine.remove_container("c1", FORCE).await.unwrap();
            let said = copy.await.unwrap().unwrap_err().to_string();
            assert!(said.contains("the container is removed"), "{said}");
        }
        ground.nothing_runs();
    });
}

#[test]
fn what_is_read_only_stays_so() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let request = shell("c1", "sleep 1000", |_, host| {
            host.read_only_rootfs = true;
            host.binds = vec!["ro:/www:ro".into(), "rw:/etc/rw".into()];
        });
        // The image has the places of both volumes.
        engine.create_container(request).await.unwrap();
        let bytes = || archive(&[("x", "x")]);
        let try_put = async |path: &str| put(&engine, "c1", path, PutOptions::default(), bytes()).await;
        for _ in 0..2 {
            let root = try_put("/etc").await.unwrap_err().to_string();
            assert_eq!(root, "container rootfs is marked read-only");
            let volume = try_put("/www").await.unwrap_err().to_string();
            assert_eq!(volume, "mounted volume is marked read-only");
            if engine.start_container("c1").await.is_err() {
                break;
            }
        }
        engine.remove_container("c1", FORCE).await.unwrap();
    });
}

#[test]
fn a_copy_in_can_belong_to_the_containers_user() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        engine
            .create_container(shell("c1", "stat -c %u:%g /www/x /www/y", |config, _| config.user = "www".into()))
            .await
            .unwrap();
        put(&engine, "c1", "/www", PutOptions::default(), archive(&[("x", "x")])).await.unwrap();
        let own = PutOptions { own_by_user: true, ..PutOptions::default() };
        put(&engine, "c1", "/www", own, archive(&[("y", "y")])).await.unwrap();
        let wait = engine.wait_container("c1", WaitCondition::NextExit).await.unwrap();
        engine.start_container("c1").await.unwrap();
        wait.outcome().await;
        assert_eq!(crate::ground::output(&engine, "c1").await, "7:8\n33:33\n");
        engine.remove_container("c1", FORCE).await.unwrap();
    });
}

#[test]
fn changes_are_told_and_become_an_image() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "echo mine > /www/index.html; mkdir /made; echo f > /made/f; rm /etc/plain; ln /made/f /made/g";
        run(&engine, "c1", line, |config, host| {
            config.env = vec!["A=1".into()];
            host.binds = vec!["data:/data".into()];
        })
        .await;
        let changes = engine.container_changes("c1").await.unwrap();
        let shown: Vec<String> = changes.iter().map(|change| format!("{:?} {}", change.kind, change.path)).collect();
        assert_eq!(
            shown,
            [
                "Added /data",
                "Modified /etc",
                "Deleted /etc/plain",
                "Added /made",
                "Added /made/f",
                "Added /made/g",
                "Modified /www",
                "Modified /www/index.html"
            ]
        );
        assert_eq!(changes[0].kind, ChangeKind::Added);

        let exported = listed(&whole(engine.export_container("c1").await.unwrap()).await);
        assert!(
            exported.contains(&"made/g -> made/f".to_owned()) && exported.contains(&"www/index.html=mine".to_owned())
        );

        let options = CommitOptions {
            repository: Some("mine".into()),
            tag: Some("1".into()),
            comment: "a remark".into(),
            author: "me".into(),
            changes: vec!["CMD [\"cat\", \"/made/g\", \"/www/index.html\"]".into(), "ENV B=$A".into()],
            ..CommitOptions::default()
        };
        let id = engine.commit_container("c1", options).await.unwrap();
        let image = engine.inspect_image("mine:1", None).await.unwrap();
        assert_eq!((&image.id, image.diff_ids.len(), image.comment.as_str()), (&id, 2, "a remark"));
        assert!(image.config.env.contains(&"B=1".to_owned()));
        engine.remove_container("c1", FORCE).await.unwrap();
        // The image is whole without the container, and after a restart of the engine.
        drop(engine);
        let engine = ground.engine().await;
        let request = shell("again", "", |config, _| {
            config.image = "mine:1".into();
            config.cmd = None;
        });
        engine.create_container(request).await.unwrap();
        let wait = engine.wait_container("again", WaitCondition::NextExit).await.unwrap();
        engine.start_container("again").await.unwrap();
        assert_eq!(wait.outcome().await.exit_code, 0);
        assert_eq!(crate::ground::output(&engine, "again").await, "f\nmine\n");
        let none = engine.container_changes("again").await.unwrap();
        assert_eq!(none, [], "nothing was changed in it");
        let (text, _) =
            run(&engine, "gone", "ls /etc/plain 2>&1; ls -d /data", |config, _| config.image = "mine:1".into()).await;
        assert!(text.contains("No such file"), "{text}");

        // Nothing changed: no layer, but an image of its own.
        let options = CommitOptions { changes: vec!["LABEL a=b".into()], ..CommitOptions::default() };
        let empty = engine.commit_container("again", options).await.unwrap();
        let image = engine.inspect_image(&empty, None).await.unwrap();
        assert_eq!((image.diff_ids.len(), image.config.labels["a"].as_str()), (2, "b"));
        let error = engine
            .commit_container("again", CommitOptions { changes: vec!["RUN x".into()], ..CommitOptions::default() })
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "run is not a valid change command");
    });
}

#[test]
fn a_running_container_is_exported_and_committed() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "mkdir -p /tmp; echo now > /file; touch /tmp/ready; sleep 1000";
        started(&engine, "c1", line, |host| host.binds = vec!["data:/www".into()]).await;
        let exported = listed(&whole(engine.export_container("c1").await.unwrap()).await);
        assert!(exported.contains(&"file=now".to_owned()) && exported.contains(&"proc/".to_owned()));
        assert!(!exported.iter().any(|name| name.starts_with("proc/1") || name.starts_with("www/i")), "{exported:?}");
        let id =
            engine.commit_container("c1", CommitOptions { pause: true, ..CommitOptions::default() }).await.unwrap();
        assert_eq!(engine.inspect_container("c1").await.unwrap().state.status, ContainerState::Running);
        let (text, _) = run(&engine, "of1", "cat /file", |config, _| config.image = id).await;
        assert_eq!(text, "now\n");
        engine.remove_container("c1", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}

/// CVE-2018-15664 and those after it: the container swaps a directory for a link to the machine's files while files are
/// copied out of and into it.
#[test]
fn a_swapper_gets_nothing_in_and_nothing_out() {
    let times: usize = std::env::var("BERTH_SWAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    on_own_ground(move |ground| async move {
        let engine = ground.engine_with_busybox().await;
        let secret = ground.dir.join("secret");
        std::fs::create_dir(&secret).unwrap();
        std::fs::write(secret.join("key"), "the machine's").unwrap();
        let target = secret.display();
        let line = format!(
            "mkdir -p /tmp /swap/real; cd /swap; echo own > real/key; ln -s {target} link; ln -s ../../../../../../../..{target} up; \
             touch /tmp/ready; while :; do mv real dir; mv dir real; mv link dir; mv dir link; mv up dir; mv dir up; done"
        );
        started(&engine, "c1", &line, |_| {}).await;
        let mut got = 0;
        for round in 0..times {
            for path in ["/swap/dir", "/swap/dir/", "/swap/dir/key", "/swap"] {
                let Ok((_, archive)) = engine.container_archive("c1", path).await else { continue };
                let Ok(pieces) = archive.try_collect::<Vec<Bytes>>().await else { continue };
                got += 1;
                let bytes = pieces.concat();
                assert!(!bytes.windows(13).any(|part| part == b"the machine's"), "round {round}: {path}");
            }
            for path in ["/swap/dir", "/swap"] {
                let bytes = archive(&[("dir/", ""), ("dir/planted", "x"), ("planted", "x")]);
                drop(put(&engine, "c1", path, PutOptions::default(), bytes).await);
            }
        }
        assert!(got > times, "only {got} copies succeeded");
        let there: Vec<_> = std::fs::read_dir(&secret).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(there, ["key"]);
        assert_eq!(std::fs::read_to_string(secret.join("key")).unwrap(), "the machine's");
        assert!(Path::new("/etc/passwd").exists());
        engine.remove_container("c1", FORCE).await.unwrap();
    });
}

/// CVE-2019-14271: whatever decompressor, shell or library an image brings, the engine runs nothing of it.
#[test]
fn nothing_of_the_container_is_run_for_a_copy() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "mkdir -p /tmp /lib/x86_64-linux-gnu /usr/bin; \
             for f in /bin/tar /bin/gzip /bin/unpigz /bin/xz /usr/bin/zstd /lib/x86_64-linux-gnu/libnss_files.so.2; do \
             printf '#!/bin/sh\\ntouch /ran\\n' > $f; chmod 755 $f; done; touch /tmp/ready; sleep 1000";
        started(&engine, "c1", line, |_| {}).await;
        let packed = gzip(&archive(&[("zipped", "text")]));
        put(&engine, "c1", "/tmp", PutOptions::default(), packed).await.unwrap();
        assert_eq!(get(&engine, "c1", "/tmp/zipped").await.unwrap(), ["zipped=text"]);
        let own = PutOptions { own_by_user: true, ..PutOptions::default() };
        put(&engine, "c1", "/tmp", own, archive(&[("owned", "")])).await.unwrap();
        whole(engine.export_container("c1").await.unwrap()).await;
        engine.commit_container("c1", CommitOptions::default()).await.unwrap();
        assert!(engine.container_path_stat("c1", "/ran").await.is_err());
        engine.remove_container("c1", FORCE).await.unwrap();
    });
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = std::process::Command::new("gzip")
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap().stdout
}
