//! What a module says of itself, and its signature.

use object::{Object, ObjectSection};

/// The mark behind an appended signature (kernel: include/linux/module_signature.h).
const SIGNATURE_MARK: &[u8] = b"~Module signature appended~\n";
/// Size of `struct module_signature`; its last four bytes are the length of the signature, big-endian.
const SIGNATURE_INFO: usize = 12;

/// The dependencies of a module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) depends: Vec<String>,
    pub(super) soft: Vec<String>,
}

/// Reads the section `.modinfo`: strings `key=value`, each ended by a zero byte.
pub(super) fn read(module: &[u8]) -> Result<Info, String> {
    let file = object::File::parse(module).map_err(|e| e.to_string())?;
    let section = file.section_by_name(".modinfo").ok_or("it has no section .modinfo")?;
    let data = section.data().map_err(|e| e.to_string())?;
    let mut info = Info::default();
    for entry in data.split(|byte| *byte == 0) {
        let entry = String::from_utf8_lossy(entry);
        match entry.split_once('=') {
            Some(("depends", names)) => {
                info.depends.extend(names.split(',').filter(|n| !n.is_empty()).map(str::to_owned));
            }
            Some(("softdep", names)) => {
                info.soft.extend(names.split_whitespace().filter(|n| !n.ends_with(':')).map(str::to_owned));
            }
            _ => {}
        }
    }
    Ok(info)
}

/// The module without its appended signature. The kernel does not enforce one, and checking it costs boot time; what
/// vouches for a module is the hash of the initramfs it is in.
pub(super) fn without_signature(mut module: Vec<u8>) -> Vec<u8> {
    let Some(signed) = module.strip_suffix(SIGNATURE_MARK) else { return module };
    let Some((rest, info)) = signed.split_last_chunk::<SIGNATURE_INFO>() else { return module };
    let length = u32::from_be_bytes([info[8], info[9], info[10], info[11]]);
    if let Some(end) = usize::try_from(length).ok().and_then(|length| rest.len().checked_sub(length)) {
        module.truncate(end);
    }
    module
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An ELF file with nothing but a `.modinfo`.
    pub(in super::super) fn module(modinfo: &str) -> Vec<u8> {
        use object::build::elf::{Builder, SectionData};
        let mut builder = Builder::new(object::Endianness::Little, true);
        builder.header.e_machine = object::elf::EM_X86_64;
        builder.header.e_type = object::elf::ET_REL;
        let section = builder.sections.add();
        section.name = ".modinfo".into();
        section.sh_type = object::elf::SHT_PROGBITS;
        section.sh_addralign = 1;
        section.data = SectionData::Data(modinfo.as_bytes().to_vec().into());
        let names = builder.sections.add();
        names.name = ".shstrtab".into();
        names.sh_type = object::elf::SHT_STRTAB;
        names.data = SectionData::SectionString;
        let mut out = Vec::new();
        builder.write(&mut out).unwrap();
        out
    }

    #[test]
    fn hard_and_soft_dependencies_are_read() {
        let info = read(&module("license=GPL\0depends=llc,stp\0softdep=pre: crc32c\0")).unwrap();
        assert_eq!(info, Info { depends: vec!["llc".into(), "stp".into()], soft: vec!["crc32c".into()] });
        assert_eq!(read(&module("depends=\0")).unwrap(), Info::default());
    }

    #[test]
    fn a_signature_is_cut_off_and_a_false_length_changes_nothing() {
        let signed = |length: u32| {
            let mut module = b"ELFBODYsig!".to_vec();
            module.extend_from_slice(&[0; 8]);
            module.extend_from_slice(&length.to_be_bytes());
            module.extend_from_slice(SIGNATURE_MARK);
            module
        };
        assert_eq!(without_signature(signed(4)), b"ELFBODY");
        assert_eq!(without_signature(signed(4000)), signed(4000));
        assert_eq!(without_signature(b"plain".to_vec()), b"plain");
    }
}
