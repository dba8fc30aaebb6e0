use crate::ground::{on_own_ground, output, run, shell};
use berth_engine::container::{DeviceMapping, NetworkMode, RemoveOptions};

const FORCE: RemoveOptions = RemoveOptions { force: true, volumes: true };

#[test]
fn defaults_are_dockers_as_proc_shows_them() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let line = "cat /proc/self/status; echo 1 > /proc/sys/net/ipv4/ip_forward; cat /proc/interrupts | wc -c; mount";
        let (text, _) = run(&engine, "plain", line, |_, _| {}).await;
        for fact in
            ["CapEff:\t00000000a80425fb", "CapBnd:\t00000000a80425fb", "CapInh:\t0000000000000000", "Seccomp:\t2"]
        {
            assert!(text.contains(fact), "{fact}: {text}");
        }
        assert!(text.contains("NoNewPrivs:\t0") && text.contains("Read-only file system"), "{text}");
        assert!(text.contains("\n0\n"), "a masked file is empty: {text}");
        assert!(text.contains("sysfs on /sys type sysfs (ro,"), "{text}");
        let line =
            "cat /proc/self/status; echo 1 > /sys/../proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward;
            mount; ls -l /dev/kmsg /dev/full";
        let (text, _) = run(&engine, "all", line, |_, host| host.privileged = true).await;
        for fact in ["Seccomp:\t0", "\n1\n", "sysfs on /sys type sysfs (rw,", "/dev/kmsg", "/dev/full"] {
            assert!(text.contains(fact), "{fact}: {text}");
        }
        assert!(!text.contains("CapEff:\t00000000a80425fb"), "{text}");
        let shown = engine.inspect_container("plain").await.unwrap().host;
        assert!(shown.masked_paths.unwrap().contains(&"/proc/kcore".to_owned()));
    });
}

#[test]
fn settings_hold_for_every_container_that_does_not_say_otherwise() {
    on_own_ground(|mut ground| async move {
        let json = r#"{"default-ulimits": {"nofile": {"Soft": 100, "Hard": 200}}, "no-new-privileges": true,
            "seccomp-profile": "unconfined", "default-shm-size": "1m", "default-cgroupns-mode": "host"}"#;
        ground.settings = serde_json::from_str(json).unwrap();
        let engine = ground.engine_with_busybox().await;
        let line = "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status; ulimit -Sn; ulimit -Hn;
            grep shm /proc/mounts; cat /proc/self/cgroup";
        let (text, _) = run(&engine, "plain", line, |_, _| {}).await;
        for fact in ["NoNewPrivs:\t1", "Seccomp:\t0", "\n100\n200\n", "size=1024k", "/berth/"] {
            assert!(text.contains(fact), "{fact}: {text}");
        }
        let (text, _) = run(&engine, "own", line, |_, host| {
            host.security_opt = vec!["no-new-privileges=false".into(), "seccomp=builtin".into()];
            host.cgroupns_mode = "private".into();
        })
        .await;
        for fact in ["NoNewPrivs:\t0", "Seccomp:\t2", "::/\n"] {
            assert!(text.contains(fact), "{fact}: {text}");
        }
        for name in ["plain", "own"] {
            engine.remove_container(name, FORCE).await.unwrap();
        }
        ground.nothing_runs();
    });
}

#[test]
fn containers_share_processes_memory_network_and_volumes_when_asked() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let donor =
            shell("donor", "echo mine > /dev/shm/note; echo kept > /v/file; exec sleep 4711", |config, host| {
                host.ipc_mode = "shareable".into();
                host.binds = vec!["data:/v".into()];
                config.hostname = "donorbox".into();
            });
        engine.create_container(donor).await.unwrap();
        engine.start_container("donor").await.unwrap();
        let line = "while ! cat /dev/shm/note 2>/dev/null; do :; done; cat /v/file; (echo no > /v/file) 2>&1;
            grep -l 4711 /proc/[0-9]*/cmdline | head -n 1; ip addr show eth0; cat /etc/hostname; hostname";
        let (text, _) = run(&engine, "guest", line, |_, host| {
            host.ipc_mode = "container:donor".into();
            host.pid_mode = "container:donor".into();
            host.network_mode = NetworkMode::Container("donor".into());
            host.volumes_from = vec!["donor:ro".into()];
        })
        .await;
        assert!(text.starts_with("mine\nkept\n"), "{text}");
        assert!(text.contains("Read-only file system") && text.contains("/proc/1/cmdline"), "{text}");
        assert!(text.contains("172.17.0.2") && text.ends_with("donorbox\ndonorbox\n"), "{text}");
        let ended = engine.inspect_container("donor").await.unwrap().state;
        assert!(ended.pid > 0, "the donor runs on");
        for name in ["guest", "donor"] {
            engine.remove_container(name, FORCE).await.unwrap();
        }
        ground.nothing_runs();
    });
}

#[test]
fn devices_profiles_and_kernel_paths_are_given_as_asked() {
    on_own_ground(|ground| async move {
        let engine = ground.engine_with_busybox().await;
        let device = |on_host: &str, in_container: &str, permissions: &str| DeviceMapping {
            on_host: on_host.into(),
            in_container: in_container.into(),
            permissions: permissions.into(),
        };
        let line = "ls -l /dev/kernel-messages; (cat /dev/kernel-messages | head -c 1 | wc -c) 2>&1;
            (echo x > /dev/kernel-messages) 2>&1; (touch /k/fs/x || mount | grep ' /k ') 2>&1";
        let (text, _) = run(&engine, "given", line, |_, host| {
            host.devices = vec![device("/dev/kmsg", "/dev/kernel-messages", "r")];
            host.cap_add = vec!["SYSLOG".into()];
            host.binds = vec!["/sys:/k:ro".into()];
        })
        .await;
        assert!(text.contains("1,  11") && text.contains("/dev/kernel-messages: Operation not permitted"), "{text}");
        assert!(text.contains("sysfs on /k type sysfs (ro"), "{text}");

        let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}"#;
        let line = "mkdir /new; grep Seccomp: /proc/self/status";
        let (text, _) =
            run(&engine, "filtered", line, |_, host| host.security_opt = vec![format!("seccomp={profile}")]).await;
        assert!(text.contains("Function not implemented") && text.contains("Seccomp:\t2"), "{text}");

        let missing = shell("missing", "true", |_, host| host.devices = vec![device("/dev/nope", "", "")]);
        engine.create_container(missing).await.unwrap();
        let said = engine.start_container("missing").await.unwrap_err().to_string();
        assert!(said.contains("error gathering device information while adding custom device \"/dev/nope\""), "{said}");
        assert_eq!(output(&engine, "missing").await, "");
        ground.nothing_runs();

        let (text, _) = run(&engine, "grouped", "cat /proc/self/cgroup", |_, host| {
            host.cgroup_parent = "/berth/team".into();
            host.cgroupns_mode = "host".into();
        })
        .await;
        let id = engine.inspect_container("grouped").await.unwrap().id;
        assert!(text.contains(&format!("/berth/team/{id}\n")), "{text}");
        std::fs::remove_dir("/sys/fs/cgroup/berth/team").unwrap();
    });
}
