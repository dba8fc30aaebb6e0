//! Makes the initramfs of the guest that real machines are tested with:
//!
//! `test-initramfs OUT INIT MODULE.ko...`
//!
//! `INIT` is the statically linked `test-guest`; the modules are uncompressed and given in the order of loading.

use berth_machine::cpio::Archive;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [out, init, modules @ ..] = arguments.as_slice() else {
        return Err("usage: test-initramfs OUT INIT MODULE.ko...".into());
    };
    let mut archive = Archive::default();
    for directory in ["dev", "proc", "sys", "modules"] {
        archive = archive.directory(directory, 0o755);
    }
    archive = archive.file("init", 0o755, &fs::read(init)?);
    for (number, module) in modules.iter().enumerate() {
        let name = Path::new(module).file_name().ok_or("a module has no name")?.to_string_lossy();
        archive = archive.file(&format!("modules/{number:02}-{name}"), 0o644, &fs::read(module)?);
    }
    fs::write(out, archive.finish())?;
    Ok(())
}
