//! A classic-BPF machine for tests: it answers what the kernel would for one system call.

use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};
use seccompiler::sock_filter;

/// `struct seccomp_data` without the instruction pointer.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) architecture: u32,
    pub(super) arguments: [u64; 6],
}

impl Call {
    pub(super) fn native(number: i64, arguments: &[u64]) -> Self {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let architecture = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
        Self { number: u32::try_from(number).unwrap(), architecture, arguments: all }
    }

    fn word(&self, offset: u32) -> u32 {
        let argument = |at: u32| self.arguments[usize::try_from(at / 8).unwrap()];
        match offset {
            0 => self.number,
            4 => self.architecture,
            16..64 if offset.is_multiple_of(8) => argument(offset - 16) as u32,
            16..64 => (argument(offset - 16) >> 32) as u32,
            _ => panic!("load from {offset}"),
        }
    }
}

/// Runs `program` on `call` and returns the value of the `ret` it ends with.
pub(super) fn run(program: &[sock_filter], call: &Call) -> u32 {
    let (mut at, mut accumulator) = (0, 0_u32);
    loop {
        let instruction = &program[at];
        at += 1;
        let taken = |holds: bool| usize::from(if holds { instruction.jt } else { instruction.jf });
        match u32::from(instruction.code) {
            code if code == BPF_LD | BPF_W | BPF_ABS => accumulator = call.word(instruction.k),
            code if code == BPF_ALU | BPF_AND | BPF_K => accumulator &= instruction.k,
            code if code == BPF_JMP | BPF_JA => at += usize::try_from(instruction.k).unwrap(),
            code if code == BPF_JMP | BPF_JEQ | BPF_K => at += taken(accumulator == instruction.k),
            code if code == BPF_JMP | BPF_JGT | BPF_K => at += taken(accumulator > instruction.k),
            code if code == BPF_JMP | BPF_JGE | BPF_K => at += taken(accumulator >= instruction.k),
            code if code == BPF_RET | BPF_K => return instruction.k,
            code => panic!("instruction {code:#x}"),
        }
    }
}
