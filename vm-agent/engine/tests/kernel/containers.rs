use crate::ground::{on_own_ground, output, run, shell};
use berth_engine::container::{ContainerState, PortBinding, RemoveOptions, StopOptions, WaitCondition};
use berth_protocol::{
    frame,
    publish::{Answer, Ask, Outcome, Reply, Request},
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FORCE: RemoveOptions = RemoveOptions { force: true, volumes: true };

#[test]
fn a_container_runs_and_leaves_nothing() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let (text, code) = run(&engine, "one", "echo out; echo err >&2; exit 3", |_, _| {}).await;
        assert_eq!(code, 3);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["err", "out"]);
        ground.nothing_runs();
        engine.start_container("one").await.unwrap();
        engine.wait_container("one", WaitCondition::NotRunning).await.unwrap().outcome().await;
        assert_eq!(output(&engine, "one").await.lines().count(), 4, "the log goes on");
        engine.remove_container("one", FORCE).await.unwrap();
        ground.nothing_runs();
        assert_eq!(std::fs::read_dir(ground.dir.join("data/containers")).unwrap().count(), 0);
    });
}

#[test]
fn a_container_is_what_was_asked() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "id; hostname; cat /etc/hostname; echo $HOME $A; pwd; touch /x 2>&1; ls /scratch; mount";
        let (text, code) = run(&engine, "asked", line, |config, host| {
            config.user = "www".into();
            config.hostname = "box".into();
            config.env = vec!["A=1".into()];
            config.working_dir = "/made/for/it".into();
            host.read_only_rootfs = true;
            host.tmpfs.insert("/scratch".into(), "size=1m".into());
        })
        .await;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(code, 0, "{text}");
        assert_eq!(lines[0], "uid=33(www) gid=33(www) groups=50(extra)");
        assert_eq!(lines[1..5], ["box", "box", "/www 1", "/made/for/it"]);
        assert!(lines[5].contains("Read-only file system"), "{text}");
        assert!(text.contains("tmpfs on /scratch type tmpfs (rw,nosuid,nodev,noexec,relatime,size=1024k"), "{text}");
    });
}

#[test]
fn a_command_that_is_not_there_or_no_program_is_told_as_docker_tells_it() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        for (name, command, words, code) in [
            ("absent", "nope", "exec: \"nope\": executable file not found in $PATH", 127),
            ("path", "/nope", "exec: \"/nope\": stat /nope: no such file or directory", 127),
            ("plain", "/etc/plain", "exec: \"/etc/plain\": permission denied", 126),
        ] {
            let request = shell(name, "", |config, _| config.cmd = Some(vec![command.into()]));
            engine.create_container(request).await.unwrap();
            let error = engine.start_container(name).await.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
            let state = engine.inspect_container(name).await.unwrap().state;
            assert_eq!((state.status, state.exit_code), (ContainerState::Created, code));
        }
        ground.nothing_runs();
    });
}

#[test]
fn a_server_is_reached_and_its_port_published() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let (ours, mut host) = tokio::io::duplex(1 << 16);
        let link = engine.clone();
        tokio::spawn(async move { link.publish_link(ours).await });
        let asked = tokio::spawn(async move {
            let mut targets = Vec::new();
            loop {
                let mut prefix = [0; frame::PREFIX_LEN];
                if host.read_exact(&mut prefix).await.is_err() {
                    return targets;
                }
                let mut body = vec![0; frame::body_len(prefix).unwrap()];
                host.read_exact(&mut body).await.unwrap();
                let Request { id, ask } = frame::decode(&body).unwrap();
                let outcome = match ask {
                    Ask::Publish(all) => {
                        targets.extend(all.iter().map(|p| p.target));
                        Outcome::Published(vec![vec!["127.0.0.1:8080".parse().unwrap()]])
                    }
                    Ask::Withdraw { .. } => {
                        let answer = Answer::Reply(Reply { id, outcome: Outcome::Done });
                        host.write_all(&frame::encode(&answer).unwrap()).await.unwrap();
                        return targets;
                    }
                    Ask::Resync(_) => Outcome::Done,
                };
                host.write_all(&frame::encode(&Answer::Reply(Reply { id, outcome })).unwrap()).await.unwrap();
            }
        });
        let request = shell("web", "httpd -f -p 80 -h /www", |_, host| {
            host.port_bindings
                .insert("80/tcp".parse().unwrap(), vec![PortBinding { port: 8080, ..PortBinding::default() }]);
        });
        engine.create_container(request).await.unwrap();
        engine.start_container("web").await.unwrap();
        let shown = engine.inspect_container("web").await.unwrap();
        assert_eq!(shown.network.ports[&"80/tcp".parse().unwrap()], ["127.0.0.1:8080".parse().unwrap()]);
        let target = SocketAddr::new(shown.network.networks["bridge"].address.unwrap(), 80);
        // The server listens some time after its process started.
        let mut stream = loop {
            match TcpStream::connect_timeout(&target, Duration::from_secs(1)) {
                Ok(stream) => break stream,
                Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionRefused),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        assert!(page.ends_with("hello from the image\n"), "{page}");
        engine.stop_container("web", StopOptions { timeout: Some(0), signal: None }).await.unwrap();
        assert_eq!(asked.await.unwrap(), [target]);
        ground.nothing_runs();
    });
}

#[test]
fn a_volume_is_filled_once_and_shared() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let volume = |host: &mut berth_engine::container::HostConfig| host.binds = vec!["site:/www".into()];
        let (text, _) =
            run(&engine, "first", "cat /www/index.html; echo mine > /www/index.html", |_, host| volume(host)).await;
        assert_eq!(text, "hello from the image\n");
        let (text, _) = run(&engine, "second", "cat /www/index.html", |_, host| volume(host)).await;
        assert_eq!(text, "mine\n");
        engine.remove_container("first", FORCE).await.unwrap();
        engine.remove_container("second", FORCE).await.unwrap();
        engine.remove_volume("site", false).await.unwrap();
    });
}

#[test]
fn containers_outlive_the_engine_and_their_ends_are_not_lost() {
    on_own_ground(|ground| async move {
        drop(ground.engine_with_busybox().await);
        ground.engine_that_dies(|engine| async move {
            for (name, line) in
                [("long", "echo begun; sleep 1000"), ("short", "echo begun; sleep 1; echo done; exit 7")]
            {
                engine.create_container(shell(name, line, |_, _| {})).await.unwrap();
                engine.start_container(name).await.unwrap();
            }
        });
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let engine = ground.engine().await;
        let long = engine.inspect_container("long").await.unwrap();
        assert_eq!(long.state.status, ContainerState::Running);
        let short = engine.inspect_container("short").await.unwrap();
        assert_eq!((short.state.status, short.state.exit_code), (ContainerState::Exited, 7));
        assert_eq!(output(&engine, "short").await, "begun\ndone\n");
        let (text, _) = run(&engine, "other", "ip addr show eth0", |_, _| {}).await;
        assert!(text.contains("172.17.0.3"), "the address of the one that runs is taken: {text}");
        engine.remove_container("long", FORCE).await.unwrap();
        ground.nothing_runs();
    });
}

#[test]
fn every_line_of_a_lot_of_output_is_there() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let (text, code) = run(&engine, "chatty", "seq 1 20000", |_, _| {}).await;
        assert_eq!((code, text.lines().count(), text.lines().last()), (0, 20000, Some("20000")));
    });
}
