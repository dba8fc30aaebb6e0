//! `packages.txt`: which packages, and why.

/// The list that is built into the recipe.
const LIST: &str = include_str!("../../packages.txt");

/// Why `packages.txt` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("packages.txt line {line}: {why}")]
pub struct ListError {
    line: usize,
    why: String,
}

/// The packages of the guest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packages {
    /// A package whose one dependency is the kernel.
    pub(crate) kernel: String,
    /// All others.
    pub(crate) others: Vec<String>,
}

impl Packages {
    /// The list for an architecture, by Debian's name of it.
    pub(crate) fn of(arch: &str) -> Result<Self, ListError> {
        parse(LIST, arch)
    }
}

fn parse(text: &str, arch: &str) -> Result<Packages, ListError> {
    let mut kernel = None;
    let mut others = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let fail = |why: String| ListError { line: at + 1, why };
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (role, name) =
            line.split_once(char::is_whitespace).ok_or_else(|| fail("a role and a name are needed".into()))?;
        let name = name.trim().replace("{arch}", arch);
        match role {
            "kernel" if kernel.is_some() => return Err(fail("there can be one kernel only".into())),
            "kernel" => kernel = Some(name),
            "program" | "library" | "data" => others.push(name),
            other => return Err(fail(format!("`{other}` is no role"))),
        }
    }
    let kernel = kernel.ok_or_else(|| ListError { line: 0, why: "no kernel is named".into() })?;
    Ok(Packages { kernel, others })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_list_names_a_kernel_for_each_architecture() {
        for arch in ["amd64", "arm64"] {
            let packages = Packages::of(arch).unwrap();
            assert_eq!(packages.kernel, format!("linux-image-cloud-{arch}"));
            assert!(packages.others.contains(&"nftables".to_owned()));
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        assert_eq!(
            parse("kernel k\nlibary x\n", "amd64").unwrap_err().to_string(),
            "packages.txt line 2: `libary` is no role"
        );
        assert!(parse("library x\n", "amd64").unwrap_err().to_string().contains("no kernel"));
        assert!(parse("kernel a\nkernel b\n", "amd64").is_err());
    }
}
