//! Device rules as an eBPF program (instruction set: Linux Documentation/bpf/standardization/instruction-set.rst).

use std::ops::BitOr;

/// `BPF_DEVCG_DEV_*`, linux/bpf.h.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(i32)]
pub(super) enum Kind {
    Block = 1,
    Character = 2,
}

/// `BPF_DEVCG_ACC_*`, linux/bpf.h.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Access(i32);

impl Access {
    pub(super) const NONE: Self = Self(0);
    pub(super) const MKNOD: Self = Self(1);
    pub(super) const READ: Self = Self(2);
    pub(super) const WRITE: Self = Self(4);
    pub(super) const ALL: Self = Self(7);
}

impl BitOr for Access {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One rule; `None` means any.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Rule {
    pub(super) allow: bool,
    pub(super) kind: Option<Kind>,
    pub(super) major: Option<u32>,
    pub(super) minor: Option<u32>,
    pub(super) access: Access,
}

impl Rule {
    /// Whether it matches every access to every device.
    fn is_about_everything(&self) -> bool {
        self.kind.is_none() && self.major.is_none() && self.minor.is_none() && self.access == Access::ALL
    }

    /// Whether no rule before it matters and nothing is refused.
    pub(super) fn allows_everything(&self) -> bool {
        self.allow && self.is_about_everything()
    }
}

/// `struct bpf_insn`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub(super) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

// Registers: R0 holds the answer, R1 the context and later scratch.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const SCRATCH: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

// Operations on 32 bits.
const LOAD_WORD: u8 = 0x61;
const MOVE_IMMEDIATE: u8 = 0xb4;
const MOVE: u8 = 0xbc;
const AND_IMMEDIATE: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const JUMP_IF_EQUAL: u8 = 0x16;
const JUMP_UNLESS_EQUAL: u8 = 0x56;
const JUMP_UNLESS_SAME: u8 = 0x5e;
const EXIT: u8 = 0x95;

/// Compiles `rules`: the last that matches an access decides, and without one the access is refused.
pub(super) fn assemble(rules: &[Rule]) -> Vec<Instruction> {
    // struct bpf_cgroup_dev_ctx: access_type (access << 16 | kind), major, minor.
    let mut program = vec![
        instruction(LOAD_WORD, KIND, CONTEXT, 0, 0),
        instruction(MOVE, ACCESS, KIND, 0, 0),
        instruction(AND_IMMEDIATE, KIND, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        instruction(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
        instruction(LOAD_WORD, MINOR, CONTEXT, 8, 0),
    ];
    for rule in rules.iter().rev() {
        program.extend(test(rule));
        if rule.is_about_everything() {
            // The verifier refuses instructions that cannot be reached.
            return program;
        }
    }
    program.extend(answer(false));
    program
}

/// Tests one rule: answers when it matches, and falls through to the next when not.
fn test(rule: &Rule) -> Vec<Instruction> {
    let mut tests = Vec::new();
    if let Some(kind) = rule.kind {
        tests.push(instruction(JUMP_UNLESS_EQUAL, KIND, 0, 0, kind as i32));
    }
    if rule.access != Access::ALL {
        tests.push(instruction(MOVE, SCRATCH, ACCESS, 0, 0));
        tests.push(instruction(AND_IMMEDIATE, SCRATCH, 0, 0, rule.access.0));
        // Allowed is an access of which every part is; refused one of which any part is.
        tests.push(match rule.allow {
            true => instruction(JUMP_UNLESS_SAME, SCRATCH, ACCESS, 0, 0),
            false => instruction(JUMP_IF_EQUAL, SCRATCH, 0, 0, 0),
        });
    }
    for (register, number) in [(MAJOR, rule.major), (MINOR, rule.minor)] {
        if let Some(number) = number {
            tests.push(instruction(JUMP_UNLESS_EQUAL, register, 0, 0, number.cast_signed()));
        }
    }
    let answer = answer(rule.allow);
    let end = tests.len() + answer.len();
    for (at, test) in tests.iter_mut().enumerate() {
        if matches!(test.code, JUMP_IF_EQUAL | JUMP_UNLESS_EQUAL | JUMP_UNLESS_SAME) {
            // At most eight instructions follow.
            test.offset = i16::try_from(end - at - 1).unwrap_or(i16::MAX);
        }
    }
    tests.extend(answer);
    tests
}

fn answer(allow: bool) -> [Instruction; 2] {
    [instruction(MOVE_IMMEDIATE, ANSWER, 0, 0, i32::from(allow)), instruction(EXIT, 0, 0, 0, 0)]
}

fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: source << 4 | destination, offset, immediate }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `program` on an access as the kernel would.
    fn run(program: &[Instruction], kind: Kind, major: u32, minor: u32, access: Access) -> bool {
        let context = [access.0 << 16 | kind as i32, major.cast_signed(), minor.cast_signed()];
        let (mut registers, mut at) = ([0_i32; 6], 0);
        loop {
            let step = program[at];
            let (to, from) = (usize::from(step.registers & 15), usize::from(step.registers >> 4));
            at += 1;
            let jumps = match step.code {
                LOAD_WORD => {
                    registers[to] = context[usize::try_from(step.offset / 4).unwrap()];
                    false
                }
                MOVE_IMMEDIATE => {
                    registers[to] = step.immediate;
                    false
                }
                MOVE => {
                    registers[to] = registers[from];
                    false
                }
                AND_IMMEDIATE => {
                    registers[to] &= step.immediate;
                    false
                }
                SHIFT_RIGHT => {
                    registers[to] >>= step.immediate;
                    false
                }
                JUMP_IF_EQUAL => registers[to] == step.immediate,
                JUMP_UNLESS_EQUAL => registers[to] != step.immediate,
                JUMP_UNLESS_SAME => registers[to] != registers[from],
                EXIT => return registers[0] == 1,
                code => panic!("instruction {code:#x}"),
            };
            if jumps {
                at += usize::try_from(step.offset).unwrap();
            }
        }
    }

    fn rule(allow: bool, kind: Option<Kind>, major: Option<u32>, minor: Option<u32>, access: Access) -> Rule {
        Rule { allow, kind, major, minor, access }
    }

    #[test]
    fn the_last_matching_rule_decides() {
        let character = Some(Kind::Character);
        let program = assemble(&[
            rule(false, None, None, None, Access::ALL),
            rule(true, character, Some(1), Some(3), Access::ALL),
            rule(true, character, Some(10), None, Access::READ | Access::WRITE),
            rule(false, character, Some(10), Some(229), Access::ALL),
            rule(true, Some(Kind::Block), None, None, Access::MKNOD),
        ]);
        let run = |kind, major, minor, access| run(&program, kind, major, minor, access);
        assert!(run(Kind::Character, 1, 3, Access::READ | Access::WRITE));
        assert!(!run(Kind::Character, 1, 4, Access::READ));
        assert!(run(Kind::Character, 10, 1, Access::WRITE));
        assert!(!run(Kind::Character, 10, 1, Access::MKNOD | Access::WRITE));
        assert!(!run(Kind::Character, 10, 229, Access::READ));
        assert!(run(Kind::Block, 8, 0, Access::MKNOD));
        assert!(!run(Kind::Block, 8, 0, Access::READ));
    }

    #[test]
    fn a_refusal_of_one_access_refuses_those_that_include_it() {
        let program = assemble(&[
            rule(true, None, None, None, Access::ALL),
            rule(false, Some(Kind::Block), None, None, Access::WRITE),
        ]);
        assert!(run(&program, Kind::Block, 8, 0, Access::READ));
        assert!(!run(&program, Kind::Block, 8, 0, Access::READ | Access::WRITE));
    }

    #[test]
    fn without_a_rule_nothing_is_allowed() {
        assert!(!run(&assemble(&[]), Kind::Character, 1, 3, Access::READ));
    }

    #[test]
    fn nothing_follows_a_rule_about_everything() {
        let program = assemble(&[
            rule(true, Some(Kind::Block), None, None, Access::ALL),
            rule(false, None, None, None, Access::ALL),
        ]);
        assert_eq!(program.len(), 8);
        assert!(!run(&program, Kind::Block, 8, 0, Access::READ));
    }
}
