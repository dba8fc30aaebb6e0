//! The least that can be PID 1: a static x86-64 ELF file that writes one line to its console and waits for ever.

/// What it writes.
pub(crate) const LINE: &str = "empty init is here";

const BASE: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// The ELF file (System V ABI, one loadable segment).
pub(crate) fn elf() -> Vec<u8> {
    let text = format!("{LINE}\n");
    // mov eax,1 (write); mov edi,1; lea rsi,[rip+14]; mov edx,len; syscall; mov eax,34 (pause); syscall; jmp -9
    let mut code = vec![0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x48, 0x8d, 0x35];
    code.extend(16_u32.to_le_bytes());
    code.push(0xba);
    code.extend(u32::try_from(text.len()).expect("a line is short").to_le_bytes());
    code.extend([0x0f, 0x05, 0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7]);
    code.extend(text.as_bytes());
    let size = HEADERS + code.len() as u64;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    elf.extend([2_u16, 62].iter().flat_map(|half| half.to_le_bytes())); // executable, x86-64
    elf.extend(1_u32.to_le_bytes());
    elf.extend([BASE + HEADERS, 64, 0].iter().flat_map(|word| word.to_le_bytes())); // entry, program headers, sections
    elf.extend(0_u32.to_le_bytes());
    elf.extend([64_u16, 56, 1, 0, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
    elf.extend([1_u32, 5].iter().flat_map(|word| word.to_le_bytes())); // load, read and execute
    elf.extend([0, BASE, BASE, size, size, 0x1000].iter().flat_map(|word| word.to_le_bytes()));
    elf.extend(code);
    elf
}
