//! A guest that runs one program and nothing else, to test machines with.

use crate::image::contents;
use crate::image::cpio::{Archive, Entry};
use crate::modules::Modules;
use crate::{Arch, BuildError, Kernel, Step, manifest, unpacked};
use std::path::Path;

/// Where the program finds the modules of the group `boot`; sorted by name they are in loading order.
const MODULES: &str = "modules";

/// Writes to `out` the initramfs of a guest whose PID 1 is `init`, a static program. Beside it there are the folders
/// `dev`, `proc` and `sys`, the modules that the machine's own devices need, and those of `more` devices. It belongs to the kernel that
/// [`crate::build`] takes from the same `cache`.
///
/// # Errors
/// See [`BuildError`]; `out` is replaced as a whole or not at all.
pub fn bare(
    arch: Arch,
    cache: &Path,
    init: &Path,
    more: &[&str],
    out: &Path,
    progress: &mut dyn FnMut(Step),
) -> Result<(), BuildError> {
    let (tree, _) = unpacked(cache, arch, progress)?;
    progress(Step::Modules);
    let modules = Modules::choose(&tree, &Kernel::find(&tree, arch)?.release, arch, more)?;
    let mut root = Archive::default();
    for folder in ["dev", "proc", "sys"] {
        root.put(folder, Entry::Folder(0o755));
    }
    contents::put_console(&mut root);
    root.put("init", Entry::File(0o755, contents::own_program(init, arch)?));
    for (number, (name, bytes)) in modules.at_boot().enumerate() {
        root.put(&format!("{MODULES}/{number:02}-{name}"), Entry::File(0o644, bytes.to_vec()));
    }
    progress(Step::Pack { files: root.len() });
    manifest::write_whole(out, &root.to_bytes()?).map_err(|source| BuildError::io(out, source))
}
