//! Which shared objects a program needs, read from the files themselves: nothing of a package is ever run.

use crate::Arch;
use crate::debian::tree::{Tree, TreeError};
use object::read::elf::{Dyn, ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, elf};
use std::collections::BTreeMap;

/// Why the needs of a program are not known.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// A file is in no package.
    #[error("{needed_by} needs {name}, which is in none of the packages; add the one that has it to packages.txt")]
    Missing {
        /// The shared object.
        name: String,
        /// Who needs it.
        needed_by: String,
    },
    /// The program itself is in no package.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file is no ELF file.
    #[error("{path} cannot be read as ELF: {why}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// A file is for another machine.
    #[error("{path} is for another machine (ELF machine {machine})")]
    Machine {
        /// Which.
        path: String,
        /// Its machine number.
        machine: u16,
    },
    /// A program that must stand alone wants a dynamic loader.
    #[error("{path} is linked dynamically; build it with -C target-feature=+crt-static")]
    NotStatic {
        /// Which.
        path: String,
    },
}

/// The shared objects of `programs` and of each other, by the name they are asked for.
pub(crate) fn closure<'a>(
    tree: &'a Tree,
    arch: Arch,
    programs: &[&str],
) -> Result<BTreeMap<String, &'a [u8]>, ElfError> {
    let mut found: BTreeMap<String, &[u8]> = BTreeMap::new();
    let mut open = Vec::new();
    for program in programs {
        open.extend(needs(tree.file(program)?, arch, program)?.into_iter().map(|name| (name, (*program).to_owned())));
    }
    while let Some((name, needed_by)) = open.pop() {
        if name == arch.loader().name || found.contains_key(&name) {
            continue;
        }
        let bytes = tree
            .file(&format!("usr/lib/{}/{name}", arch.multiarch()))
            .map_err(|_| ElfError::Missing { name: name.clone(), needed_by })?;
        open.extend(needs(bytes, arch, &name)?.into_iter().map(|next| (next, name.clone())));
        found.insert(name, bytes);
    }
    Ok(found)
}

/// Fails unless `bytes` is a program for `arch` that needs no loader.
pub(crate) fn check_static(bytes: &[u8], arch: Arch, path: &str) -> Result<(), ElfError> {
    let read = |why: object::read::Error| ElfError::Read { path: path.into(), why: why.to_string() };
    let file = parse(bytes, arch, path)?;
    let endian = file.endian();
    let headers = file.elf_header().program_headers(endian, bytes).map_err(read)?;
    let dynamic = headers.iter().any(|header| header.p_type(endian) == elf::PT_INTERP);
    if dynamic { Err(ElfError::NotStatic { path: path.into() }) } else { Ok(()) }
}

fn parse<'a>(bytes: &'a [u8], arch: Arch, path: &str) -> Result<ElfFile64<'a, Endianness>, ElfError> {
    let file = ElfFile64::<Endianness>::parse(bytes)
        .map_err(|why| ElfError::Read { path: path.into(), why: why.to_string() })?;
    let machine = file.elf_header().e_machine(file.endian()).0;
    if machine == arch.elf_machine() { Ok(file) } else { Err(ElfError::Machine { path: path.into(), machine }) }
}

/// The `DT_NEEDED` entries, from the dynamic section.
fn needs(bytes: &[u8], arch: Arch, path: &str) -> Result<Vec<String>, ElfError> {
    let read = |why: object::read::Error| ElfError::Read { path: path.into(), why: why.to_string() };
    let file = parse(bytes, arch, path)?;
    let endian = file.endian();
    let header = file.elf_header();
    let sections = header.sections(endian, bytes).map_err(read)?;
    let Some((dynamic, strings)) = sections.dynamic(endian, bytes).map_err(read)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, bytes, strings).map_err(read)?;
    dynamic
        .iter()
        .filter(|entry| entry.tag(endian) == elf::DT_NEEDED)
        .map(|entry| Ok(String::from_utf8_lossy(entry.string(endian, strings).map_err(read)?).into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_program_needs_the_c_library_and_is_not_static() {
        let me = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let arch = if cfg!(target_arch = "x86_64") { Arch::Amd64 } else { Arch::Arm64 };
        assert!(needs(&me, arch, "me").unwrap().iter().any(|name| name.starts_with("libc.so")));
        assert!(matches!(check_static(&me, arch, "me"), Err(ElfError::NotStatic { .. })));
        let other = if arch == Arch::Amd64 { Arch::Arm64 } else { Arch::Amd64 };
        assert!(matches!(check_static(&me, other, "me"), Err(ElfError::Machine { .. })));
    }

    #[test]
    fn a_missing_library_is_named_with_the_program_that_needs_it() {
        let me = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let arch = if cfg!(target_arch = "x86_64") { Arch::Amd64 } else { Arch::Arm64 };
        let tree = Tree::of(&[("usr/sbin/me", &me)]);
        let error = closure(&tree, arch, &["usr/sbin/me"]).unwrap_err().to_string();
        assert!(error.starts_with("usr/sbin/me needs lib"), "{error}");
    }
}
