//! Reads the OCI section: names to numbers, actions to kernel values, arguments to conditions.

use std::collections::{BTreeMap, HashSet};

use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSeccompOperator, LinuxSyscall,
};
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

use super::{
    Filter,
    assemble::{Clause, assemble},
    syscalls,
};
use crate::failure::{Context, Failure};

/// `BPF_MAXINSNS`, `linux/bpf_common.h`.
const MAX_INSTRUCTIONS: usize = 4096;

/// Compiles `profile` for this architecture. Names the kernel does not know are passed over, as all runtimes do, so that
/// one profile serves several architectures; calls made through a foreign architecture's entry kill the process whatever
/// the profile says of it.
///
/// # Errors
/// An action that needs a listener, an argument index above 5, and a program above the kernel's limit.
pub(crate) fn compile(profile: &LinuxSeccomp) -> Result<Filter, Failure> {
    let default_action = action(profile.default_action(), profile.default_errno_ret())?;
    let mut calls: BTreeMap<u32, Vec<Clause>> = BTreeMap::new();
    for entry in profile.syscalls().iter().flatten() {
        let clauses = clauses(entry)?;
        for number in entry.names().iter().filter_map(|name| syscalls::number(name)) {
            let number = u32::try_from(number).map_err(|_| Failure::other("negative system call number"))?;
            calls.entry(number).or_default().extend(clauses.iter().cloned());
        }
    }
    let program = assemble(&calls, default_action);
    if program.len() > MAX_INSTRUCTIONS {
        let length = program.len();
        return Err(Failure::other(format!(
            "seccomp: the profile needs {length} instructions, the kernel takes {MAX_INSTRUCTIONS}; use fewer argument rules"
        )));
    }
    Ok(Filter { program, flags: flags(profile) })
}

fn flags(profile: &LinuxSeccomp) -> libc::c_ulong {
    profile.flags().iter().flatten().fold(0, |flags, flag| {
        flags
            | match flag {
                LinuxSeccompFilterFlag::SeccompFilterFlagLog => libc::SECCOMP_FILTER_FLAG_LOG,
                LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                // Both speak of what a single-threaded process without a listener does not have.
                LinuxSeccompFilterFlag::SeccompFilterFlagTsync
                | LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => 0,
            }
    })
}

fn action(action: LinuxSeccompAction, errno: Option<u32>) -> Result<u32, Failure> {
    if action == LinuxSeccompAction::ScmpActNotify {
        return Err(Failure::other("seccomp: SCMP_ACT_NOTIFY is not supported; remove it from the profile"));
    }
    // SECCOMP_RET_DATA is 16 bits wide: a larger value would spill into the action.
    Ok(action.as_u32(errno.map(|errno| errno & libc::SECCOMP_RET_DATA)))
}

fn clauses(entry: &LinuxSyscall) -> Result<Vec<Clause>, Failure> {
    let action = action(entry.action(), entry.errno_ret())?;
    let arguments = entry.args().as_deref().unwrap_or_default();
    if arguments.is_empty() {
        return Ok(vec![Clause { rule: None, action }]);
    }
    let mut indexes = HashSet::new();
    let repeated = arguments.iter().any(|argument| !indexes.insert(argument.index()));
    let conditions = arguments.iter().map(condition).collect::<Result<Vec<_>, _>>()?;
    // All conditions of an entry must hold, unless an argument is named twice: then any one suffices, as in runc.
    let groups: Vec<Vec<SeccompCondition>> =
        if repeated { conditions.into_iter().map(|condition| vec![condition]).collect() } else { vec![conditions] };
    groups.into_iter().map(|group| Ok(Clause { rule: Some(SeccompRule::new(group)?), action })).collect()
}

fn condition(argument: &LinuxSeccompArg) -> Result<SeccompCondition, Failure> {
    let value = argument.value();
    let (operator, value) = match argument.op() {
        LinuxSeccompOperator::ScmpCmpNe => (SeccompCmpOp::Ne, value),
        LinuxSeccompOperator::ScmpCmpLt => (SeccompCmpOp::Lt, value),
        LinuxSeccompOperator::ScmpCmpLe => (SeccompCmpOp::Le, value),
        LinuxSeccompOperator::ScmpCmpEq => (SeccompCmpOp::Eq, value),
        LinuxSeccompOperator::ScmpCmpGe => (SeccompCmpOp::Ge, value),
        LinuxSeccompOperator::ScmpCmpGt => (SeccompCmpOp::Gt, value),
        // libseccomp's order: the mask first, then the datum.
        LinuxSeccompOperator::ScmpCmpMaskedEq => {
            (SeccompCmpOp::MaskedEq(value), argument.value_two().unwrap_or_default())
        }
    };
    let index = u8::try_from(argument.index()).context("seccomp: argument index")?;
    Ok(SeccompCondition::new(index, SeccompCmpArgLen::Qword, operator, value)?)
}

impl From<seccompiler::BackendError> for Failure {
    fn from(error: seccompiler::BackendError) -> Self {
        Failure::other(format!("seccomp: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::interpreter::{Call, run};

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const EPERM: u32 = libc::SECCOMP_RET_ERRNO | 1;
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | 38;

    fn default_profile() -> Filter {
        let profile = include_str!("../../../engine/src/spec/seccomp-default.json");
        compile(&serde_json::from_str(profile).unwrap()).unwrap()
    }

    fn answer(filter: &Filter, number: i64, arguments: &[u64]) -> u32 {
        run(&filter.program, &Call::native(number, arguments))
    }

    #[test]
    fn the_default_profile_allows_what_programs_use_and_refuses_the_rest() {
        let filter = default_profile();
        for allowed in [libc::SYS_read, libc::SYS_write, libc::SYS_execve, libc::SYS_writev, libc::SYS_close_range] {
            assert_eq!(answer(&filter, allowed, &[]), ALLOW, "{allowed}");
        }
        for refused in [libc::SYS_mount, libc::SYS_bpf, libc::SYS_unshare, libc::SYS_keyctl, libc::SYS_io_uring_setup] {
            assert_eq!(answer(&filter, refused, &[]), EPERM, "{refused}");
        }
        assert_eq!(answer(&filter, 100_000, &[]), EPERM);
        assert_eq!(answer(&filter, libc::SYS_clone3, &[]), ENOSYS);
        assert!(filter.program.len() < 400, "{}", filter.program.len());
    }

    #[test]
    fn the_default_profile_lets_a_thread_be_cloned_but_no_namespace() {
        let filter = default_profile();
        assert_eq!(answer(&filter, libc::SYS_clone, &[0x003d_0f00]), ALLOW);
        for namespace in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
            assert_eq!(answer(&filter, libc::SYS_clone, &[namespace | 17]), EPERM);
        }
    }

    #[test]
    fn the_default_profile_offers_every_socket_family_but_vsock_and_alg() {
        let filter = default_profile();
        for family in 0..46_u64 {
            let expected = if family == 38 || family == 40 { EPERM } else { ALLOW };
            assert_eq!(answer(&filter, libc::SYS_socket, &[family]), expected, "{family}");
            // The kernel reads 32 bits of it: higher ones must not open a way round.
            assert_eq!(answer(&filter, libc::SYS_socket, &[family | 1 << 32]), expected, "{family}");
        }
        assert_eq!(answer(&filter, libc::SYS_socket, &[u64::MAX]), EPERM);
    }

    #[test]
    fn the_default_profile_takes_the_harmless_personalities() {
        let filter = default_profile();
        for (persona, expected) in [(0, ALLOW), (8, ALLOW), (0x20008, ALLOW), (0xffff_ffff, ALLOW), (0x4_0000, EPERM)] {
            assert_eq!(answer(&filter, libc::SYS_personality, &[persona]), expected, "{persona:x}");
        }
    }

    #[test]
    fn a_foreign_architecture_is_killed() {
        let filter = default_profile();
        let i386 = Call { architecture: 0x4000_0003, ..Call::native(libc::SYS_read, &[]) };
        assert_eq!(run(&filter.program, &i386), libc::SECCOMP_RET_KILL_PROCESS);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_x32_numbers_do_not_exist() {
        assert_eq!(answer(&default_profile(), libc::SYS_read | 0x4000_0000, &[]), ENOSYS);
    }

    #[test]
    fn a_refused_argument_wins_over_an_allowed_call_listed_first() {
        let filter = compile(
            &serde_json::from_str(
                r#"{"defaultAction":"SCMP_ACT_KILL_PROCESS","syscalls":[
                    {"names":["dup2","fchmod"],"action":"SCMP_ACT_ALLOW"},
                    {"names":["fchmod"],"action":"SCMP_ACT_ERRNO","errnoRet":13,
                     "args":[{"index":1,"value":2048,"valueTwo":2048,"op":"SCMP_CMP_MASKED_EQ"}]}]}"#,
            )
            .unwrap(),
        )
        .unwrap();
        assert_eq!(answer(&filter, libc::SYS_fchmod, &[3, 0o755]), ALLOW);
        assert_eq!(answer(&filter, libc::SYS_fchmod, &[3, 0o4755]), libc::SECCOMP_RET_ERRNO | 13);
        assert_eq!(answer(&filter, libc::SYS_getpid, &[]), libc::SECCOMP_RET_KILL_PROCESS);
    }

    #[test]
    fn each_comparison_means_what_its_name_says() {
        for (operator, holds, fails) in [
            ("SCMP_CMP_NE", 6, 5),
            ("SCMP_CMP_LT", 4, 5),
            ("SCMP_CMP_LE", 5, 6),
            ("SCMP_CMP_EQ", 5, 5 | 1 << 40),
            ("SCMP_CMP_GE", 5, 4),
            ("SCMP_CMP_GT", u64::MAX, 5),
        ] {
            let profile = format!(
                r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{{"names":["dup"],"action":"SCMP_ACT_ALLOW",
                   "args":[{{"index":0,"value":5,"op":"{operator}"}}]}}]}}"#
            );
            let filter = compile(&serde_json::from_str(&profile).unwrap()).unwrap();
            assert_eq!(answer(&filter, libc::SYS_dup, &[holds]), ALLOW, "{operator}");
            assert_eq!(answer(&filter, libc::SYS_dup, &[fails]), EPERM, "{operator}");
        }
    }

    #[test]
    fn a_listener_is_refused() {
        let profile = r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#;
        let error = compile(&serde_json::from_str(profile).unwrap()).unwrap_err();
        assert!(error.message.contains("SCMP_ACT_NOTIFY"), "{error}");
    }
}
