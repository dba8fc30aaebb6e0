//! Containers with users of their own.

use crate::{
    files::{archive, listed, put, started, whole},
    ground::{Ground, on_own_ground, output, run, shell},
    streams::{command, exec},
};
use berth_engine::{
    CommitOptions, Engine,
    container::{DeviceMapping, HostConfig, NetworkMode, RemoveOptions, StopOptions, WaitCondition},
    files::PutOptions,
};
use std::{fs, os::unix::fs::MetadataExt};

const FORCE: RemoveOptions = RemoveOptions { force: true, volumes: true };
const AT_ONCE: StopOptions = StopOptions { timeout: Some(0), signal: None };
/// What the first container's root is.
const FIRST: u32 = 524_288;

fn own_users(host: &mut HostConfig) {
    host.userns_mode = "auto".into();
}

async fn sleeper(engine: &Engine, name: &str, line: &str, change: impl FnOnce(&mut HostConfig)) {
    let line = format!("{line}; mkdir -p /tmp; touch /tmp/ready; exec sleep 1000");
    started(engine, name, &line, |host| {
        own_users(host);
        change(host);
    })
    .await;
}

/// Owners of an archive's entries by name.
async fn owners(engine: &Engine, name: &str, path: &str) -> Vec<(String, u64, u64)> {
    let bytes = whole(engine.container_archive(name, path).await.unwrap().1).await;
    let mut archive = tar::Archive::new(&bytes[..]);
    let entries = archive.entries().unwrap().map(|entry| {
        let header = entry.unwrap().header().clone();
        (header.path().unwrap().display().to_string(), header.uid().unwrap(), header.gid().unwrap())
    });
    entries.collect()
}

async fn upper(ground: &Ground, engine: &Engine, name: &str) -> std::path::PathBuf {
    ground.dir.join("data/containers").join(engine.inspect_container(name).await.unwrap().id).join("upper")
}

#[test]
fn root_in_it_is_nobody_outside_and_its_files_are_kept_as_it_sees_them() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line =
            "cat /proc/self/uid_map /proc/self/gid_map; stat -c '%n %u %g' /bin/busybox /etc/passwd /www /v /v/own
            stat -c '%n %u %g' /etc/hosts /etc/resolv.conf / /t /dev/shm; echo mine > /made; chown 33:50 /made
            echo more >> /etc/passwd; echo again >> /etc/hosts; touch /v/new; chown 33:33 /v/new; touch /t/x && echo ok
            cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv4/ping_group_range; ls /sys/class/net; id -u
            ping -c 1 -w 3 172.17.0.1 > /dev/null && echo reached; echo out > /dev/stdout; cat /proc/1/uid_map";
        let data = "echo text > /v/own; chown 33:44 /v/own";
        run(&engine, "plain", data, |_, host| host.binds = vec!["data:/v".into()]).await;
        sleeper(&engine, "box", line, |host| {
            host.binds = vec!["data:/v".into()];
            host.tmpfs.insert("/t".into(), "size=1m".into());
            host.sysctls.insert("net.ipv4.ip_default_ttl".into(), "77".into());
        })
        .await;
        let text = output(&engine, "box").await;
        let map = format!("0{FIRST:>11}65536").replace(' ', "");
        let words: String = text.lines().take(2).collect::<String>().replace(' ', "");
        assert_eq!(words, format!("{map}{map}"), "{text}");
        let expected = [
            "/bin/busybox 0 0",
            "/etc/passwd 0 0",
            "/www 0 0",
            "/v 0 0",
            "/v/own 33 44",
            "/etc/hosts 0 0",
            "/etc/resolv.conf 0 0",
            "/ 0 0",
            "/t 0 0",
            "/dev/shm 0 0",
            "ok",
            "77",
            "0\t65535",
            "eth0",
            "lo",
            "0",
            "reached",
            "out",
        ];
        let lines: Vec<&str> = text.lines().skip(2).take(expected.len()).collect();
        assert_eq!(lines, expected, "{text}");

        let pid = engine.inspect_container("box").await.unwrap().state.pid;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains(&format!("Uid:\t{FIRST}\t{FIRST}")), "{status}");
        // On the disk everything is as in any other container.
        let upper = upper(&ground, &engine, "box").await;
        let owner = |path: &str| fs::symlink_metadata(upper.join(path)).map(|file| (file.uid(), file.gid())).unwrap();
        assert_eq!((owner("made"), owner("etc/passwd"), owner("tmp/ready")), ((33, 50), (0, 0), (0, 0)));
        let (text, _) = run(&engine, "reads", "stat -c '%n %u %g' /v/new /v/own; cat /v/own", |_, host| {
            host.binds = vec!["data:/v".into()];
        })
        .await;
        assert_eq!(text, "/v/new 33 33\n/v/own 33 44\ntext\n");
        engine.remove_container("box", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}

#[test]
fn two_of_them_and_the_machine_are_strangers_to_each_other() {
    on_own_ground(|ground| async move {
        drop(ground.engine_with_busybox().await);
        async fn range(engine: &Engine, name: &str) -> u32 {
            let pid = engine.inspect_container(name).await.unwrap().state.pid;
            (fs::metadata(format!("/proc/{pid}")).unwrap().uid() - FIRST) / 65_536
        }
        ground.engine_that_dies(|engine| async move {
            sleeper(&engine, "one", "true", |host| host.ipc_mode = "shareable".into()).await;
            sleeper(&engine, "two", "true", |_| ()).await;
            assert_eq!((range(&engine, "one").await, range(&engine, "two").await), (0, 1));
            // Files of the machine that are for its root alone, and a device, which is there and may not be read.
            let line = "id -u; cat /m; echo 1 > /k/kernel/mm/ksm/run; true";
            let (text, _) = run(&engine, "machine", line, |_, host| {
                own_users(host);
                host.binds = vec!["/sys:/k".into()];
                let (on_host, in_container) = ("/dev/kmsg".into(), "/m".into());
                host.devices = vec![DeviceMapping { on_host, in_container, permissions: "w".into() }];
            })
            .await;
            assert!(text.starts_with("0\n") && text.contains("/k/kernel/mm/ksm/run: Permission denied"), "{text}");
            assert!(text.contains("can't open '/m': Operation not permitted"), "{text}");
            engine.stop_container("one", AT_ONCE).await.unwrap();
        });
        // Another engine gives no range away that is in use, and those again that were left.
        let engine = ground.engine().await;
        sleeper(&engine, "three", "true", |_| ()).await;
        sleeper(&engine, "four", "true", |_| ()).await;
        let ranges = [range(&engine, "two").await, range(&engine, "three").await, range(&engine, "four").await];
        assert_eq!(ranges, [1, 0, 2]);
        for name in ["one", "two", "three", "four", "machine"] {
            engine.remove_container(name, FORCE).await.unwrap();
        }
        ground.nothing_runs();
    });
}

#[test]
fn files_go_both_ways_and_become_images_as_with_any_other() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "mkdir /own; echo text > /own/f; chown 33:50 /own/f; mkdir /v/d";
        sleeper(&engine, "box", line, |host| host.binds = vec!["data:/v".into()]).await;
        let expected = [("own/".to_owned(), 0, 0), ("own/f".to_owned(), 33, 50)];
        assert_eq!(owners(&engine, "box", "/own").await, expected);
        assert_eq!(owners(&engine, "box", "/own/f").await, [("f".to_owned(), 33, 50)]);
        let bytes = archive(&[("new/", ""), ("new/file", "sent"), ("made/up/file", "x")]);
        for place in ["/own", "/v/d", "/dev/shm"] {
            put(&engine, "box", place, PutOptions::default(), bytes.clone()).await.unwrap();
        }
        let line =
            "stat -c '%n %u %g' /own/new /own/new/file /own/made /v/d/new/file /dev/shm/new/file; cat /own/new/file";
        let (text, err, code) = exec(&engine, command(line)).await;
        let expected = "/own/new 7 8\n/own/new/file 7 8\n/own/made 0 0\n/v/d/new/file 7 8\n/dev/shm/new/file 7 8\nsent";
        assert_eq!((text.as_str(), code), (expected, Some(0)), "{err}");
        let mut header = tar::Header::new_ustar();
        header.set_uid(70_000);
        header.set_size(0);
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_data(&mut header, "strange", &b""[..]).unwrap();
        let said = put(&engine, "box", "/own", PutOptions::default(), tar.into_inner().unwrap()).await.unwrap_err();
        assert!(said.to_string().contains("its owner 70000 is nobody in the container's user namespace"), "{said}");

        let changes = engine.container_changes("box").await.unwrap();
        assert!(changes.iter().any(|change| change.path == "/own/new/file"), "{changes:?}");
        let exported = listed(&whole(engine.export_container("box").await.unwrap()).await);
        assert!(exported.contains(&"own/f=text\n".to_owned()) || exported.contains(&"own/f=text".to_owned()));
        let image =
            engine.commit_container("box", CommitOptions { pause: true, ..CommitOptions::default() }).await.unwrap();
        for users in ["auto", "host"] {
            let (text, _) = run(&engine, users, "stat -c '%u %g' /own/f /own/new/file", |config, host| {
                config.image.clone_from(&image);
                host.userns_mode = users.into();
            })
            .await;
            assert_eq!(text, "33 50\n7 8\n");
        }
        // The files of one that does not run have the same ids.
        engine.stop_container("box", AT_ONCE).await.unwrap();
        assert_eq!(owners(&engine, "box", "/own/new").await[1].1, 7);
        put(&engine, "box", "/own", PutOptions::default(), archive(&[("later", "x")])).await.unwrap();
        engine.start_container("box").await.unwrap();
        let (text, _, _) = exec(&engine, command("stat -c '%u %g' /own/later /own/f /v/d/new/file")).await;
        assert_eq!(text, "7 8\n33 50\n7 8\n");
        engine.remove_container("box", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}

#[test]
fn those_that_share_namespaces_share_users_and_refusals_are_dockers() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        sleeper(&engine, "donor", "echo mine > /dev/shm/note; chmod 600 /dev/shm/note", |host| {
            host.ipc_mode = "shareable".into();
        })
        .await;
        fn joins(host: &mut HostConfig) {
            host.network_mode = NetworkMode::Container("donor".into());
            host.pid_mode = "container:donor".into();
            host.ipc_mode = "container:donor".into();
        }
        let line = "cat /proc/self/uid_map; cat /dev/shm/note; ip addr show eth0; grep -c sleep /proc/1/cmdline
            kill -0 1 && echo same; stat -c %u /etc/hosts; ls /sys/class/net";
        let (text, code) = run(&engine, "joined", line, |_, host| joins(host)).await;
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        assert_eq!(words[..4], ["0", "524288", "65536", "mine"], "{text}");
        assert!(code == 0 && text.contains("172.17.0.2") && text.ends_with("1\nsame\n0\neth0\nlo\n"), "{text}");

        let plain = shell("plain", "sleep 1000", |_, _| ());
        engine.create_container(plain).await.unwrap();
        engine.start_container("plain").await.unwrap();
        for (name, change, why) in [
            ("both", joins as fn(&mut HostConfig), "they are in different user namespaces"),
            ("other", own_users, "from another user namespace (hint: leave out --userns)"),
        ] {
            let request = shell(name, "true", |_, host| {
                change(host);
                host.network_mode = NetworkMode::Container("plain".into());
            });
            engine.create_container(request).await.unwrap();
            let said = engine.start_container(name).await.unwrap_err().to_string();
            assert!(said.ends_with(why), "{said}");
        }
        let change = |host: &mut HostConfig| {
            own_users(host);
            host.privileged = true;
        };
        let said = engine.create_container(shell("all", "true", |_, host| change(host))).await.unwrap_err();
        assert!(said.to_string().starts_with("privileged mode is incompatible with user namespaces."), "{said}");
        // The machine's cgroups are shown all the same.
        let (text, _) = run(&engine, "machines", "cat /proc/self/cgroup; ls /sys/fs/cgroup", |_, host| {
            own_users(host);
            host.cgroupns_mode = "host".into();
        })
        .await;
        assert!(text.contains("0::/") && text.contains("cgroup.procs"), "{text}");
        for name in ["donor", "plain"] {
            engine.remove_container(name, FORCE).await.unwrap();
        }
        ground.nothing_runs();
    });
}

#[test]
fn one_that_an_engine_left_behind_in_the_middle_starts_again() {
    on_own_ground(|ground| async move {
        drop(ground.engine_with_busybox().await);
        ground.engine_that_dies(|engine| async move { sleeper(&engine, "box", "true", |_| ()).await });
        let engine = ground.engine().await;
        let (text, _, _) = exec(&engine, command("id -u; cat /proc/self/uid_map")).await;
        assert_eq!(text.split_ascii_whitespace().collect::<Vec<_>>(), ["0", "0", "524288", "65536"]);
        engine.restart_container("box", AT_ONCE).await.unwrap();
        let (text, _, code) = exec(&engine, command("echo again > /new && stat -c %u /new")).await;
        assert_eq!((text.as_str(), code), ("0\n", Some(0)));
        // It is killed from outside, as by the kernel.
        let wait = engine.wait_container("box", WaitCondition::NextExit).await.unwrap();
        engine.kill_container("box", Some("KILL")).await.unwrap();
        assert_eq!(wait.outcome().await.exit_code, 137);
        engine.remove_container("box", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}
