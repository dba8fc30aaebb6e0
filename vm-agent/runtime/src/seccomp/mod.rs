//! Seccomp: turns the `linux.seccomp` section of a bundle into a BPF program, and installs it.

mod assemble;
mod install;
#[cfg(test)]
mod interpreter;
mod profile;
mod syscalls;

pub(crate) use install::install;
pub(crate) use profile::compile;

/// A program as the kernel takes it, with the `SECCOMP_FILTER_FLAG_*` to install it with.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) program: seccompiler::BpfProgram,
    pub(crate) flags: libc::c_ulong,
}
