//! Lays a table of system calls out as one BPF program: a binary search over ranges of call numbers.
//!
//! `seccompiler` compiles the conditions on arguments; its `SeccompFilter` is not used, because it knows a single action
//! beside the default one, and walks the calls one after the other.

use std::collections::BTreeMap;

use libc::{BPF_ABS, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
use seccompiler::{BpfProgram, SeccompRule, sock_filter};

/// `seccomp_data.nr`, `linux/seccomp.h`.
const NUMBER_OFFSET: u32 = 0;
/// `seccomp_data.arch`, `linux/seccomp.h`.
const ARCHITECTURE_OFFSET: u32 = 4;
/// `AUDIT_ARCH_*`, `linux/audit.h`.
#[cfg(target_arch = "x86_64")]
const NATIVE_ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE_ARCHITECTURE: u32 = 0xc000_00b7;
/// Numbers from here on belong to the x32 ABI (`__X32_SYSCALL_BIT`), which is answered as a kernel without it does.
const X32_BIT: u32 = 0x4000_0000;

/// What to do when all conditions of `rule` hold, or always when there is none.
#[derive(Clone, Debug)]
pub(super) struct Clause {
    pub(super) rule: Option<SeccompRule>,
    /// A `SECCOMP_RET_*` value with its data.
    pub(super) action: u32,
}

/// Compiles `calls` (clauses by call number) over `default_action`. A call of another architecture kills the process.
///
/// Of a call's clauses those with conditions come first, in the order given, then the one without: a profile that allows
/// a call and refuses some of its arguments means the refusal.
pub(super) fn assemble(calls: &BTreeMap<u32, Vec<Clause>>, default_action: u32) -> BpfProgram {
    let mut program = vec![
        statement(BPF_LD | BPF_W | BPF_ABS, ARCHITECTURE_OFFSET),
        jump(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0),
        statement(BPF_RET | BPF_K, libc::SECCOMP_RET_KILL_PROCESS),
        statement(BPF_LD | BPF_W | BPF_ABS, NUMBER_OFFSET),
    ];
    if cfg!(target_arch = "x86_64") {
        program.push(jump(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
        program.push(statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs()));
    }
    program.extend(search(&segments(calls, default_action)));
    program
}

/// A run of call numbers with the same code: it begins at `first` and ends where the next one begins.
struct Segment {
    first: u32,
    code: BpfProgram,
}

fn segments(calls: &BTreeMap<u32, Vec<Clause>>, default_action: u32) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut append = |first, code: BpfProgram| {
        if segments.last().is_none_or(|last| last.code != code) {
            segments.push(Segment { first, code });
        }
    };
    let fallback = || vec![statement(BPF_RET | BPF_K, default_action)];
    let mut next = 0;
    for (&number, clauses) in calls {
        if number > next {
            append(next, fallback());
        }
        append(number, chain(clauses, default_action));
        next = number + 1;
    }
    append(next, fallback());
    segments
}

/// The code for one call: its clauses in order, then the default action.
fn chain(clauses: &[Clause], default_action: u32) -> BpfProgram {
    let mut code = BpfProgram::new();
    for clause in clauses.iter().filter(|clause| clause.rule.is_some()) {
        // A compiled rule falls through when it holds, and skips one instruction past its end when it does not.
        code.extend(clause.rule.clone().map(BpfProgram::from).unwrap_or_default());
        code.push(statement(BPF_RET | BPF_K, clause.action));
    }
    let unconditional = clauses.iter().find(|clause| clause.rule.is_none());
    code.push(statement(BPF_RET | BPF_K, unconditional.map_or(default_action, |clause| clause.action)));
    code
}

fn search(segments: &[Segment]) -> BpfProgram {
    if let [only] = segments {
        return only.code.clone();
    }
    let (left, right) = segments.split_at(segments.len() / 2);
    let (lower, upper) = (search(left), search(right));
    let first_of_upper = right[0].first;
    let mut code = match u8::try_from(lower.len()) {
        Ok(distance) => vec![jump(BPF_JMP | BPF_JGE | BPF_K, first_of_upper, distance, 0)],
        // A conditional jump reaches 255 instructions; beyond that it hops over an unconditional one.
        Err(_) => vec![
            jump(BPF_JMP | BPF_JGE | BPF_K, first_of_upper, 0, 1),
            statement(BPF_JMP | BPF_JA, u32::try_from(lower.len()).unwrap_or(u32::MAX)),
        ],
    };
    code.extend(lower);
    code.extend(upper);
    code
}

fn statement(code: u32, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    // Every BPF opcode fits 16 bits; `libc` merely declares them wider.
    sock_filter { code: code as u16, jt, jf, k }
}
