//! What a container is kept from and what it is given, as a user sees it: each case with the docker CLI and with
//! `berth`, in one machine.

use berth_tests::{Home, Ran, Registry};
use std::collections::BTreeMap;

/// Docker's fourteen capabilities, as `/proc` shows them.
const FOURTEEN: &str = "00000000a80425fb";

/// Prints the namespaces of the shell.
const NAMESPACES: &str =
    "for kind in cgroup ipc mnt net pid user uts; do echo $kind $(readlink /proc/self/ns/$kind); done";

/// Both command lines on one machine with busybox.
struct Both {
    home: Home,
    image: String,
    registry: Registry,
}

impl Both {
    fn up() -> Self {
        let (registry, home) = (Registry::start(), Home::up());
        let image = registry.image("busybox:latest");
        home.berth(&["pull", &image]).ok();
        Self { home, image, registry }
    }

    /// What each of them says to the same words.
    fn each(&self, words: &[&str]) -> [Ran; 2] {
        [self.home.docker(words), self.home.berth(words)]
    }

    /// Runs a shell line in a new container of each, with options that have no spaces in them, and has what it printed
    /// looked at.
    fn run(&self, options: &str, script: &str, look: impl Fn(&str)) {
        let script = format!("exec 2>&1; {script}; true");
        let mut words = vec!["run", "--rm"];
        words.extend(options.split_whitespace());
        words.extend([&self.image, "sh", "-c", &script]);
        self.each(&words).iter().for_each(|ran| look(ran.ok()));
    }

    /// Has both refuse these options, with this code and these words, and leave nothing.
    fn refuse(&self, options: &str, code: i32, text: &str) {
        let mut words = vec!["run", "--rm"];
        words.extend(options.split_whitespace());
        words.extend([&self.image, "true"]);
        for ran in self.each(&words) {
            assert!(ran.fails(code).contains(text), "{text}: {ran}");
        }
    }
}

/// Every one of `facts` is a line of `text`.
fn has(text: &str, facts: &[&str]) {
    for fact in facts {
        assert!(text.lines().any(|line| line == *fact), "no line {fact:?} in:\n{text}");
    }
}

fn namespaces(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(' ')).filter(|(_, link)| link.contains(":["));
    pairs.map(|(kind, link)| (kind.to_owned(), link.to_owned())).collect()
}

#[test]
fn a_container_has_what_was_asked_for_and_no_more() {
    let both = Both::up();
    the_defaults_are_dockers_and_namespaces_are_shared_when_asked(&both);
    what_is_asked_for_at_once_is_there_at_once(&both);
    users_and_groups_are_the_images(&both);
    another_containers_namespaces_are_joined(&both);
    filters_are_the_users_own_or_none(&both);
    a_privileged_container_is_kept_from_nothing(&both);
    mounts_go_as_far_as_they_are_shared(&both);
    what_makes_no_sense_is_refused(&both);
    nobody_answers_a_container_beside_its_network(&both, &both.registry.image("python3:latest"));
}

fn the_defaults_are_dockers_and_namespaces_are_shared_when_asked(both: &Both) {
    let options = "--pid host --ipc host --uts host --network host --cgroupns host --userns host --cgroup-parent /team";
    let machine = std::cell::RefCell::new(BTreeMap::new());
    both.run(options, &format!("{NAMESPACES}; cat /proc/1/comm; cat /proc/self/cgroup; ls /sys/class/net"), |text| {
        has(text, &["init", "uplink"]);
        assert!(text.contains("\n0::/team/"), "{text}");
        machine.replace(namespaces(text));
    });
    let machine = machine.into_inner();
    assert_eq!(machine.len(), 7, "{machine:?}");

    let script = format!(
        "cat /proc/self/status; {NAMESPACES}; sleep 9 & sleep 1; echo descriptors $(ls /proc/$!/fd); cat /proc/self/cgroup;
        for path in asound acpi interrupts kcore keys latency_stats timer_list timer_stats sched_debug scsi; do
            path=/proc/$path; [ -d $path ] && echo shown $(ls -A $path); [ -f $path ] && echo shown $(head -c 9 $path)
            [ -c $path ] && echo masked $path; done
        for path in /sys/firmware /sys/devices/virtual/powercap; do [ -d $path ] && echo shown $(ls -A $path); done
        echo b > /proc/sysrq-trigger
        mkdir /sys/x; mkdir /sys/fs/cgroup/x; echo 1 > /proc/sys/net/ipv4/ip_forward
        mount -t tmpfs x /tmp; mknod /disk c 1 11 && head -c 1 /disk; ls /dev; df -k /dev/shm | tail -n 1;
        echo name $(hostname) $(cat /etc/hostname); cat /proc/self/oom_score_adj; cat /proc/mounts"
    );
    both.run("", &script, |text| {
        let capabilities = ["CapPrm", "CapEff", "CapBnd"].map(|set| format!("{set}:\t{FOURTEEN}"));
        let none = ["CapInh", "CapAmb"].map(|set| format!("{set}:\t0000000000000000"));
        has(text, &capabilities.each_ref().map(String::as_str));
        has(text, &none.each_ref().map(String::as_str));
        has(text, &["Seccomp:\t2", "NoNewPrivs:\t0", "Seccomp_filters:\t1", "descriptors 0 1 2", "0::/", "0"]);
        let own = namespaces(text);
        for (kind, link) in &machine {
            assert_eq!(own[kind] == *link, kind == "user", "{kind}: {text}");
        }
        has(text, &["masked /proc/kcore", "masked /proc/keys", "masked /proc/interrupts", "masked /proc/timer_list"]);
        assert!(text.lines().filter(|line| line.starts_with("shown")).all(|line| line == "shown"), "{text}");
        for path in ["/sys/x", "/sys/fs/cgroup/x"] {
            has(text, &[&format!("mkdir: can't create directory '{path}': Read-only file system")]);
        }
        for path in ["/proc/sysrq-trigger", "/proc/sys/net/ipv4/ip_forward"] {
            has(text, &[&format!("sh: can't create {path}: Read-only file system")]);
        }
        has(text, &["mount: permission denied (are you root?)"]);
        has(text, &["head: /disk: Operation not permitted"]);
        for path in ["bus", "fs", "irq", "sys", "sysrq-trigger"] {
            assert!(text.contains(&format!("\nproc /proc/{path} proc ro,")), "{path}: {text}");
        }
        let devices = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
        has(text, &devices.split(' ').collect::<Vec<_>>());
        assert!(text.contains("shm                      65536 "), "{text}");
        let name = text.lines().find_map(|line| line.strip_prefix("name ")).expect("its name");
        assert!(name.len() == 25 && name[..12] == name[13..], "the name is the short id: {name}");
        assert!(text.contains("\noverlay / overlay rw,"), "{text}");
        assert!(text.contains("\nsysfs /sys sysfs ro,nosuid,nodev,noexec,"), "{text}");
        assert!(text.contains("\ncgroup /sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec,"), "{text}");
    });
}

fn what_is_asked_for_at_once_is_there_at_once(both: &Both) {
    let options = "--read-only --tmpfs /scratch:size=1m,mode=1770 --shm-size 16m --init --oom-score-adj 500 \
        --cap-drop ALL --cap-add CHOWN --cap-add CAP_NET_BIND_SERVICE --security-opt no-new-privileges \
        --ulimit nofile=100:200 --ulimit core=0 --sysctl net.ipv4.ip_default_ttl=77 --sysctl kernel.msgmax=4711 \
        --hostname boxy --domainname example.test --add-host db:10.1.2.3 --add-host six:::1 --dns 9.9.9.9 \
        --dns-search one.test --dns-option ndots:3 -v notes:/notes:rw,nocopy \
        --mount type=volume,source=notes,target=/kept,readonly --mount type=tmpfs,target=/small,tmpfs-size=2m \
        -v /sys/kernel:/kernel:ro,rprivate --device /dev/vda:/dev/disk:r --device-cgroup-rule";
    let script = "cat /proc/1/cmdline | tr '\\0' ' '; echo; cat /proc/self/status; cat /proc/self/oom_score_adj;
        touch /root-is-written; touch /scratch/x /dev/shm/x /notes/x /small/x && echo written; ls /kept; touch /kept/x;
        stat -c '%n %a' /scratch; for at in /scratch /dev/shm /small; do df -k $at | tail -n 1 | awk '{print $6, $2}'; done
        ulimit -n; ulimit -Hn; ulimit -c; cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax;
        hostname; cat /proc/sys/kernel/domainname /etc/hosts /etc/resolv.conf;
        [ -d /kernel/mm ] && mkdir /kernel/x; grep ' /kernel ' /proc/self/mountinfo;
        head -c 1 /dev/disk | wc -c; true > /dev/disk; ls -l /dev/kmsg; mknod /dev/kmsg c 1 11; true";
    // The rule has a space in it.
    let mut words: Vec<&str> = ["run", "--rm"].into_iter().chain(options.split_whitespace()).collect();
    let script = format!("exec 2>&1; {script}");
    words.extend(["c 1:11 r", &both.image, "sh", "-c", &script]);
    for ran in both.each(&words) {
        let text = ran.ok();
        assert!(text.starts_with("/sbin/docker-init -- sh -c "), "{text}");
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            has(text, &[&format!("{set}:\t0000000000000401")]);
        }
        has(
            text,
            &["NoNewPrivs:\t1", "Seccomp:\t2", "500", "touch: /root-is-written: Read-only file system", "written"],
        );
        has(text, &["x", "touch: /kept/x: Read-only file system", "/scratch 1770"]);
        has(text, &["/scratch 1024", "/dev/shm 16384", "/small 2048", "100", "200", "0", "77", "4711"]);
        has(text, &["boxy", "example.test", "10.1.2.3\tdb", "::1\tsix"]);
        assert!(text.contains("\tboxy.example.test boxy\n"), "{text}");
        has(text, &["nameserver 9.9.9.9", "search one.test", "options ndots:3"]);
        has(text, &["mkdir: can't create directory '/kernel/x': Read-only file system"]);
        let bind = text.lines().find(|line| line.contains(" /kernel /kernel ro,")).expect("the bind");
        assert!(bind.contains(" - sysfs ") && !bind.contains("shared:") && !bind.contains("master:"), "{bind}");
        has(text, &["1", "sh: can't create /dev/disk: Operation not permitted"]);
        has(text, &["ls: /dev/kmsg: No such file or directory", "mknod: /dev/kmsg: Operation not permitted"]);
    }
    both.run(
        "--ipc none --network none --tmpfs /t",
        "grep -c /dev/shm /proc/mounts; ls /sys/class/net; mount",
        |text| {
            assert!(text.starts_with("0\nlo\n"), "{text}");
            assert!(text.contains("tmpfs on /t type tmpfs (rw,nosuid,nodev,noexec,relatime"), "{text}");
        },
    );
}

fn users_and_groups_are_the_images(both: &Both) {
    let change = "echo media:x:77:nobody >> /etc/group; echo web:x:500:501::/srv:/bin/sh >> /etc/passwd";
    both.home.docker(&["run", "--name", "changed", &both.image, "sh", "-c", change]).ok();
    both.home.docker(&["commit", "changed", "grouped"]).ok();
    both.home.docker(&["rm", "changed"]).ok();
    for (options, identity) in [
        (
            &["--user", "nobody", "--group-add", "4242"][..],
            "uid=65534(nobody) gid=65534(nogroup) groups=77(media),4242",
        ),
        (&["--user", "web:media", "--group-add", "nogroup"], "uid=500(web) gid=77(media) groups=65534(nogroup)"),
        (&["--user", "1234"], "uid=1234 gid=0(root)"),
    ] {
        let script = "id; echo home $HOME; grep Cap /proc/self/status; touch /x";
        for ran in both.each(&[&["run", "--rm"], options, &["grouped", "sh", "-c", script]].concat()) {
            assert_eq!(ran.code, Some(1), "{ran}");
            let first = ran.stdout.lines().next().unwrap_or_default();
            assert!(first == identity || first == format!("{identity} groups=0(root)"), "{identity}: {ran}");
            has(&ran.stdout, &["CapEff:\t0000000000000000", &format!("CapBnd:\t{FOURTEEN}")]);
            assert!(ran.stderr.contains("/x: Permission denied"), "{ran}");
        }
    }
}

fn another_containers_namespaces_are_joined(both: &Both) {
    let script = "echo mine > /dev/shm/note; echo kept > /data/file; httpd -p 8000 -h /data; exec sleep 4711";
    let donor = ["run", "-d", "--name", "donor", "--hostname", "donorbox", "--ipc", "shareable", "-v", "/data"];
    both.home.docker(&[&donor[..], &[&both.image, "sh", "-c", script]].concat()).ok();
    let options = "--pid container:donor --ipc container:donor --network container:donor --volumes-from donor:ro";
    let script = "while ! cat /dev/shm/note; do sleep 0.1; done; cat /data/file; touch /data/x; cat /proc/1/cmdline | tr '\\0' ' ';
        echo; wget -qO - http://127.0.0.1:8000/file; hostname; cat /etc/hostname";
    both.run(options, script, |text| {
        has(text, &["mine", "kept", "touch: /data/x: Read-only file system", "sleep 4711 ", "donorbox"]);
        assert_eq!(text.matches("kept").count(), 2, "{text}");
    });
    both.home.docker(&["run", "-d", "--name", "alone", &both.image, "sleep", "1000"]).ok();
    both.refuse(
        "--ipc container:alone",
        125,
        "non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
    );
    both.home.docker(&["rm", "-f", "-v", "donor", "alone"]).ok();
    both.refuse("--pid container:donor", 125, "No such container: donor");
}

fn filters_are_the_users_own_or_none(both: &Both) {
    let profile = both.home.path().join("profile.json");
    let text = r#"{ "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 }] }"#;
    std::fs::write(&profile, text).expect("a profile");
    let script = "mkdir /new; grep Seccomp: /proc/self/status; cat /proc/interrupts | wc -c";
    both.run(&format!("--security-opt seccomp={}", profile.display()), script, |text| {
        has(text, &["mkdir: can't create directory '/new': Function not implemented", "Seccomp:\t2", "0"]);
    });
    let options =
        "--security-opt seccomp=unconfined --security-opt systempaths=unconfined --cap-add ALL --cap-drop NET_RAW";
    both.run(
        options,
        "grep -E 'Seccomp:|CapEff' /proc/self/status; grep -c -E '/proc/|firmware' /proc/mounts",
        |text| {
            has(text, &["Seccomp:\t0", "CapEff:\t000001ffffffdfff", "0"]);
        },
    );
}

fn a_privileged_container_is_kept_from_nothing(both: &Both) {
    let script = "cat /proc/self/status; ls /dev; grep -c -E ' /proc/|firmware' /proc/mounts;
        echo 1 > /proc/sys/net/ipv4/ip_forward && mount -t tmpfs x /tmp && mkdir /sys/fs/cgroup/x && echo free;
        head -c 1 /dev/vda | wc -c; grep ' /sys ' /proc/mounts";
    both.run("--privileged", script, |text| {
        has(text, &["CapEff:\t000001ffffffffff", "CapBnd:\t000001ffffffffff", "Seccomp:\t0", "NoNewPrivs:\t0"]);
        has(text, &["vda", "kmsg", "0", "free", "1"]);
        assert!(text.contains("sysfs /sys sysfs rw,"), "{text}");
    });
}

/// What a container mounts is seen by the machine and by other containers where both sides asked for it, and whatever
/// else is done with containers leaves the machine's mounts as they were.
fn mounts_go_as_far_as_they_are_shared(both: &Both) {
    let look = ["run", "-d", "--name", "looker", "--pid", "host", "--privileged", &both.image, "sleep", "3600"];
    both.home.docker(&look).ok();
    let machine = || both.home.docker(&["exec", "looker", "cat", "/proc/1/mountinfo"]).ok().to_owned();
    let before = machine();
    for place in ["/", "/data", "/sys/fs/cgroup", "/dev/shm"] {
        let is = |line: &&str| line.split(' ').nth(4) == Some(place) && line.contains(" shared:");
        assert!(before.lines().any(|line| is(&line)), "{place} is shared: {before}");
    }
    let script =
        "grep -E 'shared:|master:' /proc/self/mountinfo; mount -t tmpfs inner /tmp && umount /tmp && echo mounted";
    for options in ["--init --read-only --tmpfs /t -v left:/v -v /dev/null:/null", "--device /dev/kmsg"] {
        both.run(&format!("--cap-add SYS_ADMIN {options}"), script, |text| assert_eq!(text, "mounted", "{options}"));
    }
    // Docker's client does not know the word.
    let own_users = ["run", "--rm", "--userns", "auto", "--cap-add", "SYS_ADMIN", &both.image, "sh", "-c", script];
    assert_eq!(both.home.berth(&own_users).ok(), "mounted");
    for ask in [Home::docker as fn(&Home, &[&str]) -> Ran, Home::berth] {
        let client = |words: &[&str]| ask(&both.home, words);
        client(&["create", "--name", "still", "-v", "left:/v", &both.image]).ok();
        client(&["cp", "still:/etc/passwd", both.home.path().to_str().expect("UTF-8")]).ok();
        client(&["rm", "-v", "still"]).ok();
        for (name, options) in [
            ("mounter", &["--cap-add", "SYS_ADMIN", "-v", "/dev/shm:/v:rshared"][..]),
            ("peer", &["--mount", "type=bind,source=/dev/shm,target=/v,bind-propagation=rshared"]),
            ("follower", &["-v", "/dev/shm:/v:rslave", "--cap-add", "SYS_ADMIN"]),
            ("loner", &["-v", "/dev/shm:/v"]),
        ] {
            client(&[&["run", "-d", "--name", name], options, &[&both.image, "sleep", "3600"]].concat()).ok();
        }
        let exec = |name: &str, script: &str| client(&["exec", name, "sh", "-c", script]).ok().to_owned();
        let seen = || {
            let count = "grep -c ' /v/place tmpfs' /proc/mounts; true";
            ["mounter", "peer", "follower", "loner"].map(|name| exec(name, count)).join(" ")
        };
        exec("mounter", "mkdir /v/place && mount -t tmpfs inner /v/place");
        assert_eq!(seen(), "1 1 1 0");
        assert_eq!(machine().lines().count(), before.lines().count() + 4 * 2 + 1, "four containers and the mount");
        exec("mounter", "umount /v/place");
        exec("follower", "mount -t tmpfs inner /v/place");
        assert_eq!(seen(), "0 0 1 0");
        exec("mounter", "rmdir /v/place");
        client(&["rm", "-f", "mounter", "peer", "follower", "loner"]).ok();
    }
    both.refuse("-v /sys:/sys:rshared", 125, "shared with the host, which would get it too");
    assert_eq!(machine(), before, "the machine's mounts are as they were");
    both.home.docker(&["rm", "-f", "looker"]).ok();
    both.home.docker(&["volume", "rm", "left"]).ok();
}

fn what_makes_no_sense_is_refused(both: &Both) {
    let gathering =
        "error gathering device information while adding custom device \"/dev/nope\": no such file or directory";
    both.refuse("--device /dev/nope", 127, gathering);
    both.refuse("--cap-add FLY", 125, "unknown capability: \"CAP_FLY\"");
    both.refuse("--user nothere", 125, "unable to find user nothere: no matching entries in passwd file");
    both.refuse(
        "--ipc host --sysctl kernel.msgmax=1",
        125,
        "sysctl \"kernel.msgmax\" not allowed in host ipc namespace",
    );
    both.refuse("--security-opt apparmor=mine", 125, "AppArmor");
    both.refuse("--pid nonsense", 125, "invalid PID mode");
    both.refuse("--uts host --hostname x", 125, "conflicting options: hostname and the UTS mode");
    both.refuse("-v notes:/x:rslave", 125, "invalid mode: rslave");
    assert_eq!(both.home.docker(&["ps", "-aq"]).ok(), "", "nothing half-made stays");
}

/// CVE-2026-112917 and CVE-2026-31431: a container that is kept from nothing makes sockets to the machine and the host,
/// and nobody answers it.
fn nobody_answers_a_container_beside_its_network(both: &Both, python: &str) {
    both.home.berth(&["pull", python]).ok();
    let script = include_str!("reach.py");
    let none = "Address family not supported by protocol";
    for (options, facts) in [
        (&[][..], ["vsock: Operation not permitted", "alg: Operation not permitted"]),
        (&["--security-opt", "seccomp=unconfined"], ["vsock: made", &format!("alg: {none}")]),
        (&["--privileged"], ["vsock: made", &format!("alg: {none}")]),
    ] {
        let ran = both.home.docker(&[&["run", "--rm"], options, &[python, "python3", "-c", script]].concat());
        has(ran.ok(), &facts);
        has(ran.ok(), &["socketcall: SIGSEGV"]);
        assert!(options.is_empty() || ran.ok().ends_with("answers: []"), "{ran}");
    }
}
