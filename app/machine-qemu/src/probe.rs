//! Whether KVM works, found by running code in it.
//!
//! A `/dev/kvm` that opens says little: on a host that is itself a VM without nested virtualization, KVM may interpret
//! kernel-mode code one instruction at a time, which no ordinary kernel survives. So a tiny guest counts in long mode at
//! CPL 0, as a kernel would run, and must be done in time. (A loop at CPL 3 would run natively there, and pass.)

#![allow(unsafe_code, reason = "KVM maps our memory into the guest, which the compiler cannot check")]

use berth_machine::Acceleration;
use kvm_bindings::{kvm_segment, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit, VcpuFd};
use nix::errno::Errno;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};

/// A processor that runs the loop natively needs under a millisecond, the interpreter found on a nested host 800.
const DEADLINE: Duration = Duration::from_millis(200);
/// Making and ending a VM takes this long at most on a slow host.
const OVERHEAD: Duration = Duration::from_millis(500);
const ROUNDS: u64 = 1_000_000;

const MEMORY: usize = 2 << 20;
const GDT: u64 = 0x500;
const STACK: u64 = 0x8000;
const PML4: u64 = 0x9000;
const PDPT: u64 = 0xa000;
const DIRECTORIES: u64 = 0xb000;
const CODE: u64 = 0x10_0000;
/// An address without memory: a write there leaves the guest.
const MMIO: u32 = 0xd000_0000;

/// Why KVM was not chosen.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("this computer has no /dev/kvm")]
    Absent,
    #[error("you may not open /dev/kvm (to change that: sudo usermod -aG kvm $USER, then log in again)")]
    Forbidden,
    #[error("/dev/kvm opens but {0}")]
    Broken(String),
    #[error("/dev/kvm opens but did not run a million rounds of a loop within {} ms", DEADLINE.as_millis())]
    Slow,
}

/// Decides how guests run, in well under a second.
pub(crate) fn acceleration() -> Acceleration {
    match probe() {
        Ok(took) => Acceleration::Hardware {
            name: "KVM".into(),
            why: format!("/dev/kvm works (a test guest ran in {:.1} ms), using KVM", took.as_secs_f64() * 1e3),
        },
        Err(unusable) => Acceleration::Software { why: format!("{unusable}, using software emulation") },
    }
}

fn probe() -> Result<Duration, Unusable> {
    let kvm = Kvm::new().map_err(|error| match Errno::from_raw(error.errno()) {
        Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => Unusable::Absent,
        Errno::EACCES | Errno::EPERM => Unusable::Forbidden,
        other => Unusable::Broken(format!("says: {}", other.desc())),
    })?;
    let (done, result) = mpsc::channel();
    // The loop is finite, so a slow host ends this thread too, only later than anybody waits for it.
    let spawned = thread::Builder::new().name("kvm-probe".into()).spawn(move || done.send(run(&kvm)));
    spawned.map_err(|error| Unusable::Broken(format!("no thread could be started to try it: {error}")))?;
    match result.recv_timeout(DEADLINE + OVERHEAD) {
        Ok(Ok(took)) if took <= DEADLINE => Ok(took),
        Ok(Ok(_)) | Err(_) => Err(Unusable::Slow),
        Ok(Err(why)) => Err(Unusable::Broken(why)),
    }
}

/// Runs the guest: the loop, a write to [`MMIO`], a halt. Returns how long that took.
fn run(kvm: &Kvm) -> Result<Duration, String> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: kvm_ioctls::Error| format!("{what} failed: {error}")
    };
    let vm = kvm.create_vm().map_err(failed("making a VM"))?;
    let memory = memory().map_err(|error| format!("memory for a test guest failed: {error}"))?;
    let start = memory.get_host_address(GuestAddress(0)).map_err(|error| error.to_string())?;
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
        memory_size: MEMORY as u64,
        userspace_addr: start as u64,
    };
    // SAFETY: the region is the whole of `memory`, a private mapping that nothing else uses and that outlives `vm`:
    // it was declared later, but both are dropped only after the last run below, and KVM touches it in runs only.
    unsafe { vm.set_user_memory_region(region) }.map_err(failed("giving the VM memory"))?;
    let mut vcpu = vm.create_vcpu(0).map_err(failed("making a processor"))?;
    enter_long_mode(&vcpu).map_err(failed("setting up a processor"))?;

    let began = Instant::now();
    let mut wrote = false;
    loop {
        match vcpu.run() {
            Ok(VcpuExit::MmioWrite(address, _)) if address == u64::from(MMIO) => wrote = true,
            Ok(VcpuExit::Hlt) if wrote => return Ok(began.elapsed()),
            Ok(exit) => return Err(format!("a test guest ended with {exit:?}")),
            Err(error) if error.errno() == Errno::EINTR as i32 => {}
            Err(error) => return Err(format!("a test guest did not run: {error}")),
        }
    }
}

/// Memory with the code, and page tables that map the first 4 GiB one to one with pages of 2 MiB.
fn memory() -> Result<GuestMemoryMmap, Box<dyn std::error::Error>> {
    const PRESENT_WRITABLE: u64 = 3;
    const LARGE_PAGE: u64 = 0x80;
    let memory: GuestMemoryMmap = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), MEMORY)])?;
    let put = |value: u64, at: u64| memory.write_obj(value, GuestAddress(at));
    put(0x00af_9b00_0000_ffff, GDT + 8)?;
    put(0x00cf_9300_0000_ffff, GDT + 16)?;
    put(PDPT | PRESENT_WRITABLE, PML4)?;
    for gib in 0..4 {
        put((DIRECTORIES + gib * 0x1000) | PRESENT_WRITABLE, PDPT + gib * 8)?;
    }
    for page in 0..2048 {
        put((page << 21) | LARGE_PAGE | PRESENT_WRITABLE, DIRECTORIES + page * 8)?;
    }
    let mut code = vec![0x48, 0xb9]; // mov rcx, ROUNDS
    code.extend(ROUNDS.to_le_bytes());
    code.extend([0x48, 0xff, 0xc0]); // again: inc rax
    code.extend([0x48, 0xff, 0xc9]); // dec rcx
    code.extend([0x75, 0xf8]); // jnz again
    code.push(0xbb); // mov ebx, MMIO
    code.extend(MMIO.to_le_bytes());
    code.extend([0x89, 0x03]); // mov [rbx], eax
    code.push(0xf4); // hlt
    memory.write_slice(&code, GuestAddress(CODE))?;
    Ok(memory)
}

fn enter_long_mode(vcpu: &VcpuFd) -> Result<(), kvm_ioctls::Error> {
    const CR0_PE_WP_PG: u64 = 0x8001_0001;
    const CR4_PAE: u64 = 0x20;
    const EFER_LME_LMA: u64 = 0x500;
    let mut special = vcpu.get_sregs()?;
    special.cs = segment(8, 11, 1, 0);
    let data = segment(16, 3, 0, 1);
    (special.ds, special.es, special.fs, special.gs, special.ss) = (data, data, data, data, data);
    (special.gdt.base, special.gdt.limit) = (GDT, 23);
    special.cr3 = PML4;
    special.cr4 |= CR4_PAE;
    special.cr0 |= CR0_PE_WP_PG;
    special.efer |= EFER_LME_LMA;
    vcpu.set_sregs(&special)?;
    let mut registers = vcpu.get_regs()?;
    (registers.rip, registers.rsp, registers.rax, registers.rflags) = (CODE, STACK, 0, 2);
    vcpu.set_regs(&registers)
}

fn segment(selector: u16, kind: u8, l: u8, db: u8) -> kvm_segment {
    kvm_segment {
        base: 0,
        limit: u32::MAX,
        selector,
        type_: kind,
        present: 1,
        dpl: 0,
        db,
        s: 1,
        l,
        g: 1,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_made_quickly_and_explained() {
        let began = Instant::now();
        let chosen = acceleration();
        assert!(began.elapsed() < DEADLINE + OVERHEAD * 4);
        println!("{}", chosen.why());
        match &chosen {
            Acceleration::Hardware { why, .. } => assert!(why.ends_with("using KVM")),
            Acceleration::Software { why } => assert!(why.ends_with("using software emulation")),
        }
    }
}
