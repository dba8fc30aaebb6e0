//! QEMU's command line.

use crate::sockets::Sockets;
use berth_machine::{Acceleration, MachineSpec};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The processor that is emulated. With cmpxchg16b translated code of the kernel's allocator dies now and then (QEMU 7.2). A
/// kernel that is told of fast string instructions (erms, fsrm) moves everything by the byte, and a byte costs QEMU as much as
/// the eight of the other way: copies are four to ten times as fast without.
const SOFTWARE: &str = "-accel tcg,thread=multi -cpu max,-cx16,-erms,-fsrm";

/// The arguments for `spec`, whose initramfs of this boot stands at `initramfs`.
pub(crate) fn arguments(
    spec: &MachineSpec,
    acceleration: &Acceleration,
    sockets: &Sockets,
    initramfs: &Path,
) -> Vec<OsString> {
    let software = matches!(acceleration, Acceleration::Software { .. });
    let mut list = List(vec![]);
    list.plain("-nodefaults -no-user-config -no-reboot -display none");
    list.plain("-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    list.plain("-machine q35,memory-backend=ram,usb=off,vmport=off");
    list.plain(if software { SOFTWARE } else { "-accel kvm -cpu host" });
    list.plain(&format!("-smp {}", spec.cpus));
    list.plain(&format!("-m {}M", spec.memory_mib));
    // Shared, since the vsock device reads and writes it from our process.
    list.plain(&format!("-object memory-backend-memfd,id=ram,size={}M,share=on", spec.memory_mib));

    list.pair("-kernel", spec.kernel.as_os_str());
    list.pair("-initrd", initramfs.as_os_str());
    list.pair("-append", OsStr::new(&kernel_command_line(spec, software)));

    list.option("-chardev", "file,id=console,append=on,path=", &spec.console_log);
    list.plain("-serial chardev:console");
    list.option("-chardev", "socket,id=qmp,path=", &sockets.qmp);
    list.plain("-mon chardev=qmp,mode=control");
    list.option("-chardev", "socket,id=vsock,path=", &sockets.vsock);
    list.plain("-device vhost-user-vsock-pci,chardev=vsock");

    // A flush of the guest becomes an fdatasync here; blocks the guest discards are given back to the file system.
    list.option(
        "-drive",
        "if=none,id=data,format=raw,cache=writeback,aio=threads,discard=unmap,file=",
        &spec.disk.path,
    );
    list.plain("-device virtio-blk-pci,drive=data");
    list.plain("-object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng");
    list.plain("-device virtio-balloon-pci,free-page-reporting=on");
    list.0
}

fn kernel_command_line(spec: &MachineSpec, software: bool) -> String {
    // A panic reboots at once, by triple fault, which -no-reboot turns into the end of QEMU.
    let mut words = vec!["console=ttyS0", "quiet", "panic=-1", "reboot=t"];
    if software {
        // The check that the timer interrupt arrives fails now and then when time runs unevenly. The self-tests of the
        // kernel's ciphers take 0.15 s of a boot.
        words.extend(["no_timer_check", "cryptomgr.notests"]);
    }
    words.extend(spec.cmdline.iter().map(String::as_str));
    words.join(" ")
}

struct List(Vec<OsString>);

impl List {
    fn plain(&mut self, words: &str) {
        self.0.extend(words.split(' ').map(OsString::from));
    }

    fn pair(&mut self, name: &str, value: &OsStr) {
        self.0.push(name.into());
        self.0.push(value.into());
    }

    /// An option whose value holds a path; a comma within it is doubled, as QEMU wants.
    fn option(&mut self, name: &str, before: &str, path: &Path) {
        let mut value = before.as_bytes().to_vec();
        for byte in path.as_os_str().as_bytes() {
            value.extend(std::iter::repeat_n(*byte, if *byte == b',' { 2 } else { 1 }));
        }
        self.pair(name, &OsString::from_vec(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_machine::DataDisk;

    fn line(acceleration: &Acceleration) -> String {
        let spec = MachineSpec {
            kernel: "/k".into(),
            initramfs: "/i".into(),
            initramfs_extra: vec![],
            cmdline: vec!["ia32_emulation=off".into()],
            cpus: 2,
            memory_mib: 1024,
            disk: DataDisk { path: "/a,b/data.raw".into(), bytes: 1 },
            console_log: "/c".into(),
            run_dir: "/r".into(),
        };
        let sockets = Sockets { qmp: "/r/q".into(), vsock: "/r/v".into() };
        let words = arguments(&spec, acceleration, &sockets, Path::new("/r/initramfs"));
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn emulation_avoids_what_breaks_under_it() {
        let line = line(&Acceleration::Software { why: String::new() });
        assert!(line.contains("-accel tcg,thread=multi -cpu max,-cx16,-erms,-fsrm "), "{line}");
        assert!(line.contains("no_timer_check cryptomgr.notests ia32_emulation=off"), "{line}");
        assert!(line.contains("file=/a,,b/data.raw "), "a comma in a path ends no option: {line}");
    }

    #[test]
    fn kvm_uses_the_processor_as_it_is() {
        let line = line(&Acceleration::Hardware { name: "KVM".into(), why: String::new() });
        assert!(line.contains("-accel kvm -cpu host ") && !line.contains("no_timer_check"), "{line}");
    }
}
