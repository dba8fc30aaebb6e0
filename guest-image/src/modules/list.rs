//! `modules.txt`: which modules, and when they are loaded.

use crate::Arch;

/// The list that is built into the recipe.
const LIST: &str = include_str!("../../modules.txt");

/// Why `modules.txt` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("modules.txt line {line}: {why}")]
pub struct ListError {
    line: usize,
    why: String,
}

/// When a module is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Before the engine starts.
    Boot,
    /// Beside the engine.
    Late,
}

/// A module somebody asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) group: Group,
    pub(super) module: String,
}

/// The modules for an architecture; those of the boot group first.
pub(super) fn wanted(arch: Arch) -> Result<Vec<Wanted>, ListError> {
    parse(LIST, arch)
}

fn parse(text: &str, arch: Arch) -> Result<Vec<Wanted>, ListError> {
    let mut out = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let fail = |why: String| ListError { line: at + 1, why };
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(group) = words.next() else { continue };
        let group = match group {
            "boot" => Group::Boot,
            "late" => Group::Late,
            other => return Err(fail(format!("`{other}` is no group"))),
        };
        let module = words.next().ok_or_else(|| fail("a group and a module are needed".into()))?.to_owned();
        let here = match words.next() {
            None => true,
            Some("[amd64]") => arch == Arch::Amd64,
            Some("[arm64]") => arch == Arch::Arm64,
            Some(other) => return Err(fail(format!("`{other}` is no architecture"))),
        };
        if here {
            out.push(Wanted { group, module });
        }
    }
    // A shared dependency then belongs to the boot group whatever the order of the lines.
    out.sort_by_key(|wanted| wanted.group == Group::Late);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list_begins_with_the_disk_and_leaves_crypto_sockets_out() {
        let wanted = wanted(Arch::Amd64).unwrap();
        assert!(wanted.iter().position(|w| w.module == "virtio_blk").unwrap() < 2);
        assert!(wanted.iter().all(|w| !w.module.starts_with("af_alg") && !w.module.starts_with("algif")));
    }

    #[test]
    fn a_module_of_another_architecture_is_left_out_and_boot_comes_first() {
        let list = "late b\nboot a [amd64]\nboot c\n";
        let names = |arch| parse(list, arch).unwrap().into_iter().map(|w| w.module).collect::<Vec<_>>();
        assert_eq!(names(Arch::Amd64), ["a", "c", "b"]);
        assert_eq!(names(Arch::Arm64), ["c", "b"]);
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        assert_eq!(parse("\nsoon x\n", Arch::Amd64).unwrap_err().to_string(), "modules.txt line 2: `soon` is no group");
        assert!(parse("boot x [riscv]\n", Arch::Amd64).is_err());
    }
}
