//! The device policy: rules to a program, and the program to the cgroup.
#![expect(unsafe_code, reason = "bpf(2) has no wrapper")]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

use super::device_program::{Access, Instruction, Kind, Rule, assemble};
use crate::failure::{Context, Failure};

/// Devices every container may use whatever the bundle's rules say, as in runc: those it always has in `/dev`, its
/// terminals, and making (not opening) any node. Character devices: major, minor.
const ALWAYS: [(u32, Option<u32>); 9] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(1)),
    (5, Some(2)),
    (136, None),
];

/// Lets the processes of `cgroup` use the devices that `rules` allow, and nothing else.
///
/// # Errors
/// A rule with a negative number or an unknown access letter, and what the kernel refuses.
pub(super) fn restrict(cgroup: &OwnedFd, rules: Option<&[LinuxDeviceCgroup]>) -> Result<(), Failure> {
    let mut all = rules.unwrap_or_default().iter().map(from_spec).collect::<Result<Vec<_>, _>>()?;
    if all.last().is_some_and(Rule::allows_everything) {
        return Ok(());
    }
    all.extend([Kind::Character, Kind::Block].map(|kind| Rule {
        allow: true,
        kind: Some(kind),
        major: None,
        minor: None,
        access: Access::MKNOD,
    }));
    all.extend(ALWAYS.map(|(major, minor)| Rule {
        allow: true,
        kind: Some(Kind::Character),
        major: Some(major),
        minor,
        access: Access::ALL,
    }));
    let program = load(&assemble(&all)).context("load the device program")?;
    attach(&program, cgroup).context("attach the device program")
}

fn from_spec(rule: &LinuxDeviceCgroup) -> Result<Rule, Failure> {
    let number = |number: Option<i64>| match number {
        // -1 is another way to say "any".
        None | Some(-1) => Ok(None),
        Some(number) => u32::try_from(number).context("device rule").map(Some),
    };
    let kind = match rule.typ() {
        None | Some(LinuxDeviceType::A) => None,
        Some(LinuxDeviceType::C | LinuxDeviceType::U) => Some(Kind::Character),
        Some(LinuxDeviceType::B) => Some(Kind::Block),
        Some(LinuxDeviceType::P) => return Err(Failure::other("device rule: a fifo is no device")),
    };
    let access = match rule.access().as_deref() {
        None | Some("") => Access::ALL,
        Some(letters) => letters.chars().try_fold(Access::NONE, |access, letter| match letter {
            'r' => Ok(access | Access::READ),
            'w' => Ok(access | Access::WRITE),
            'm' => Ok(access | Access::MKNOD),
            _ => Err(Failure::other(format!("device rule: unknown access {letter:?}; use r, w and m"))),
        })?,
    };
    Ok(Rule { allow: rule.allow(), kind, major: number(rule.major())?, minor: number(rule.minor())?, access })
}

/// The part of `union bpf_attr` that BPF_PROG_LOAD needs (linux/bpf.h).
#[repr(C)]
struct LoadAttributes {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// The part of `union bpf_attr` that BPF_PROG_ATTACH needs (linux/bpf.h).
#[repr(C)]
struct AttachAttributes {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

fn load(program: &[Instruction]) -> nix::Result<OwnedFd> {
    const BPF_PROG_LOAD: libc::c_int = 5;
    const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
    let attributes = LoadAttributes {
        kind: BPF_PROG_TYPE_CGROUP_DEVICE,
        count: u32::try_from(program.len()).map_err(|_| Errno::E2BIG)?,
        instructions: program.as_ptr() as u64,
        licence: c"MIT".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: the attributes point at `count` instructions and a nul-terminated string, all alive across the call, and
    // their size is passed along; the kernel reads them only.
    let raw =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const attributes, size_of::<LoadAttributes>()) };
    let raw = libc::c_int::try_from(Errno::result(raw)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just returned this descriptor to us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// The cgroup keeps the program from here on.
fn attach(program: &OwnedFd, cgroup: &OwnedFd) -> nix::Result<()> {
    const BPF_PROG_ATTACH: libc::c_int = 8;
    const BPF_CGROUP_DEVICE: u32 = 6;
    const BPF_F_ALLOW_MULTI: u32 = 2;
    let attributes = AttachAttributes {
        target: cgroup.as_raw_fd().unsigned_abs(),
        program: program.as_raw_fd().unsigned_abs(),
        kind: BPF_CGROUP_DEVICE,
        flags: BPF_F_ALLOW_MULTI,
    };
    // SAFETY: the attributes hold integers only and their size is passed along.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_ATTACH, &raw const attributes, size_of::<AttachAttributes>()) };
    Errno::result(result).map(drop)
}
