//! The kernel: Debian's compressed image, and the plain ELF file in it.

use crate::Arch;
use crate::debian::tree::{Tree, TreeError};
use std::io::Read;

/// Folder of the kernel in its package.
const FOLDER: &str = "boot/vmlinu";

/// Why there is no kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// No kernel is in the package.
    #[error("the kernel's package has no /boot/vmlinuz; look at packages.txt")]
    Absent,
    /// A file is missing.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The image is not an x86 `bzImage`.
    #[error("the kernel image has no x86 boot header")]
    Header,
    /// The payload is compressed in a way the recipe does not know.
    #[error("the kernel is compressed in an unknown way (first bytes {0:02x?}); teach src/kernel.rs to unpack it")]
    Compression([u8; 4]),
    /// The payload is damaged.
    #[error("the kernel cannot be unpacked")]
    Payload(#[from] std::io::Error),
    /// What came out is no ELF file.
    #[error("what is in the kernel image is no ELF file")]
    NotElf,
}

/// A kernel as it is handed to a machine.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// `uname -r`.
    pub(crate) release: String,
    /// As Debian ships it: a compressed EFI image.
    pub(crate) image: Vec<u8>,
    /// The plain ELF file with the PVH entry point, for machines that boot it faster (amd64).
    pub(crate) elf: Option<Vec<u8>>,
}

impl Kernel {
    /// Finds the kernel among the packages' files.
    pub(crate) fn find(tree: &Tree, arch: Arch) -> Result<Self, KernelError> {
        let path = tree.under(FOLDER).next().ok_or(KernelError::Absent)?.to_owned();
        let release = path.split_once('-').ok_or(KernelError::Absent)?.1.to_owned();
        let image = tree.file(&path)?.to_vec();
        let elf = match arch {
            Arch::Amd64 => Some(unpack(&image)?),
            Arch::Arm64 => None,
        };
        Ok(Self { release, image, elf })
    }
}

/// The ELF file in a `bzImage`. Offsets: Documentation/arch/x86/boot.rst of the kernel.
fn unpack(image: &[u8]) -> Result<Vec<u8>, KernelError> {
    const SETUP_SECTORS: usize = 0x1f1;
    const MAGIC: usize = 0x202;
    const PAYLOAD_OFFSET: usize = 0x248;
    const PAYLOAD_LENGTH: usize = 0x24c;

    if image.get(MAGIC..MAGIC + 4) != Some(b"HdrS") {
        return Err(KernelError::Header);
    }
    let word = |at: usize| {
        let bytes = image.get(at..at + 4).and_then(|b| b.try_into().ok()).ok_or(KernelError::Header)?;
        usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| KernelError::Header)
    };
    let sectors = match image[SETUP_SECTORS] {
        0 => 4,
        n => usize::from(n),
    };
    let start = (sectors + 1) * 512 + word(PAYLOAD_OFFSET)?;
    let end = start.checked_add(word(PAYLOAD_LENGTH)?).ok_or(KernelError::Header)?;
    let payload = image.get(start..end).ok_or(KernelError::Header)?;
    let elf = inflate(payload)?;
    if elf.starts_with(b"\x7fELF") { Ok(elf) } else { Err(KernelError::NotElf) }
}

/// The kernel build puts the unpacked size behind the compressed stream; both decoders stop at the stream's own end.
fn inflate(payload: &[u8]) -> Result<Vec<u8>, KernelError> {
    let mut out = Vec::new();
    match payload {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => zstd::Decoder::with_buffer(payload)?.single_frame().read_to_end(&mut out)?,
        [0xfd, b'7', b'z', b'X', ..] => lzma_rust2::XzReader::new(payload, false).read_to_end(&mut out)?,
        _ => {
            let mut first = [0; 4];
            first.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
            return Err(KernelError::Compression(first));
        }
    };
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `bzImage` with one setup sector around a payload.
    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 1024];
        image[0x1f1] = 1;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        image.extend_from_slice(payload);
        image
    }

    #[test]
    fn the_elf_file_comes_out_although_its_size_follows_the_stream() {
        let elf = [b"\x7fELF".as_slice(), &[7; 5000]].concat();
        let mut payload = zstd::encode_all(&elf[..], 3).unwrap();
        payload.extend_from_slice(&5004_u32.to_le_bytes());
        assert_eq!(unpack(&bzimage(&payload)).unwrap(), elf);
    }

    #[test]
    fn a_file_that_is_no_kernel_or_ends_early_is_refused() {
        assert!(matches!(unpack(b"MZ"), Err(KernelError::Header)));
        assert!(matches!(
            unpack(&bzimage(b"\x04\x22\x4d\x18lz4")),
            Err(KernelError::Compression([4, 0x22, 0x4d, 0x18]))
        ));
        let mut short = bzimage(b"\x28\xb5\x2f\xfd");
        short.truncate(1020);
        assert!(unpack(&short).is_err());
    }
}
