//! The kernel modules of the guest: chosen by `modules.txt`, completed by what they depend on, put in loading order.

mod list;
mod modinfo;

use crate::Arch;
use crate::debian::tree::{Tree, TreeError};
pub use list::ListError;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// Why the modules cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// The list is wrong.
    #[error(transparent)]
    List(#[from] ListError),
    /// The packages lack a file.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The kernel has no such module.
    #[error("the kernel has no module {name} (wanted by {wanted_by}); look at modules.txt")]
    Unknown {
        /// Its name.
        name: String,
        /// Who asked for it.
        wanted_by: String,
    },
    /// A module cannot be unpacked.
    #[error("module {name} cannot be unpacked")]
    Unpack {
        /// Which.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// A module is no ELF file for the architecture.
    #[error("module {name} cannot be read: {why}")]
    Elf {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
}

/// The chosen modules.
#[derive(Debug)]
pub(crate) struct Modules {
    /// File name and bytes, unpacked, without signature and type information.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// The order to load them in.
    pub(crate) order: LoadOrder,
}

/// `load.json`: file names in loading order. PID 1 reads it.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LoadOrder {
    boot: Vec<String>,
    late: Vec<String>,
}

impl Modules {
    /// Chooses from the modules of kernel `release`: those of the list, and `more` in the group `boot`.
    pub(crate) fn choose(tree: &Tree, release: &str, arch: Arch, more: &[&str]) -> Result<Self, ModulesError> {
        let more = more.iter().map(|name| list::Wanted { group: list::Group::Boot, module: (*name).into() });
        Closure::new(tree, release)?.run(&more.chain(list::wanted(arch)?).collect::<Vec<_>>())
    }

    /// Name and bytes of the modules of the group `boot`, in loading order.
    pub(crate) fn at_boot(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.order.boot.iter().filter_map(|name| Some((name.as_str(), self.files.get(name)?.as_slice())))
    }
}

/// A walk over dependencies.
struct Closure<'a> {
    tree: &'a Tree,
    /// Module name (with underscores) to path in the tree.
    paths: BTreeMap<String, &'a str>,
    builtin: BTreeSet<String>,
    chosen: Modules,
}

impl<'a> Closure<'a> {
    fn new(tree: &'a Tree, release: &str) -> Result<Self, ModulesError> {
        let folder = format!("usr/lib/modules/{release}/");
        let builtin =
            String::from_utf8_lossy(tree.file(&format!("{folder}modules.builtin"))?).lines().map(name_of).collect();
        let paths = tree.under(&folder).filter(|path| path.contains(".ko")).map(|path| (name_of(path), path)).collect();
        Ok(Self { tree, paths, builtin, chosen: Modules { files: BTreeMap::new(), order: LoadOrder::default() } })
    }

    fn run(mut self, wanted: &[list::Wanted]) -> Result<Modules, ModulesError> {
        let mut seen = BTreeSet::new();
        for wanted in wanted {
            let mut order = Vec::new();
            self.visit(&wanted.module, "modules.txt", &mut seen, &mut order)?;
            match wanted.group {
                list::Group::Boot => self.chosen.order.boot.extend(order),
                list::Group::Late => self.chosen.order.late.extend(order),
            }
        }
        Ok(self.chosen)
    }

    /// Appends `name` behind everything it depends on.
    fn visit(
        &mut self,
        name: &str,
        wanted_by: &str,
        seen: &mut BTreeSet<String>,
        order: &mut Vec<String>,
    ) -> Result<(), ModulesError> {
        let name = name.replace('-', "_");
        if self.builtin.contains(&name) || !seen.insert(name.clone()) {
            return Ok(());
        }
        let path = *self
            .paths
            .get(&name)
            .ok_or_else(|| ModulesError::Unknown { name: name.clone(), wanted_by: wanted_by.into() })?;
        let module = unpack(self.tree.file(path)?, path)
            .map_err(|source| ModulesError::Unpack { name: name.clone(), source })?;
        let info = modinfo::read(&module).map_err(|why| ModulesError::Elf { name: name.clone(), why })?;
        for dependency in &info.depends {
            self.visit(dependency, &name, seen, order)?;
        }
        // A soft dependency is an accelerator or a companion: taken where the kernel has it.
        for dependency in &info.soft {
            if self.paths.contains_key(&dependency.replace('-', "_")) {
                self.visit(dependency, &name, seen, order)?;
            }
        }
        let file = format!("{name}.ko");
        self.chosen.files.insert(file.clone(), modinfo::without_signature(module));
        order.push(file);
        Ok(())
    }
}

/// `kernel/net/8021q/nf-x.ko.xz` to `nf_x`: names in dependencies and files differ in dashes.
fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

fn unpack(bytes: &[u8], path: &str) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    match path.rsplit('.').next() {
        Some("xz") => lzma_rust2::XzReader::new(bytes, false).read_to_end(&mut out)?,
        Some("zst") => zstd::Decoder::with_buffer(bytes)?.read_to_end(&mut out)?,
        _ => return Ok(bytes.to_vec()),
    };
    Ok(out)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use list::{Group, Wanted};

    /// An ELF file with nothing but a `.modinfo`.
    pub(crate) fn module(modinfo: &str) -> Vec<u8> {
        modinfo::tests::module(modinfo)
    }

    /// The modules the shipped list asks for.
    pub(crate) fn shipped_names() -> Vec<String> {
        list::wanted(Arch::Amd64).unwrap().into_iter().map(|wanted| wanted.module).collect()
    }

    fn closure(modules: &[(&str, &str)], wanted: &[(Group, &str)]) -> Result<LoadOrder, ModulesError> {
        let mut files = vec![("usr/lib/modules/6/modules.builtin".to_owned(), b"kernel/fs/ext4/ext4.ko\n".to_vec())];
        files.extend(modules.iter().map(|(path, info)| (format!("usr/lib/modules/6/kernel/{path}"), module(info))));
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let tree = Tree::of(&files);
        let wanted: Vec<_> =
            wanted.iter().map(|(group, name)| Wanted { group: *group, module: (*name).into() }).collect();
        Closure::new(&tree, "6")?.run(&wanted).map(|m| m.order)
    }

    #[test]
    fn dependencies_come_first_once_and_in_the_earliest_group() {
        let order = closure(
            &[
                ("net/llc/llc.ko", "depends=\0"),
                ("net/802/stp.ko", "depends=llc\0"),
                ("net/bridge/bridge.ko", "depends=stp,llc\0softdep=pre: nf-log post: gone\0"),
                ("net/nf-log.ko", "depends=\0"),
            ],
            &[(Group::Boot, "stp"), (Group::Boot, "ext4"), (Group::Late, "bridge")],
        )
        .unwrap();
        assert_eq!(order.boot, ["llc.ko", "stp.ko"]);
        assert_eq!(order.late, ["nf_log.ko", "bridge.ko"]);
    }

    #[test]
    fn a_module_the_kernel_lacks_is_named_with_who_wants_it() {
        let error = closure(&[("a.ko", "depends=b\0")], &[(Group::Boot, "a")]).unwrap_err();
        assert_eq!(error.to_string(), "the kernel has no module b (wanted by a); look at modules.txt");
    }
}
