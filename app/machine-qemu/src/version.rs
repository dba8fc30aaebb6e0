//! What the installed QEMU can be trusted with.

use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// The first release that locks a page of guest code before it translates it.
const COHERENT: (u32, u32) = (8, 1);

/// Whether several emulated processors may run at once. An older QEMU can translate an instruction while another
/// processor replaces it, and then keeps the translation of the breakpoint that stood there for a moment: a kernel that
/// switches a static key dies of it, about one boot in fifteen on a busy computer.
pub(crate) async fn emulates_several_processors(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).kill_on_drop(true).output().await;
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    parse(&text).is_some_and(|version| version >= COHERENT)
}

/// Major and minor of `QEMU emulator version 7.2.22 (Debian …)`.
fn parse(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split_once("version ")?.1.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        let old =
            parse("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022").unwrap();
        assert_eq!(old, (7, 2));
        assert!(old < COHERENT);
        assert!(parse("QEMU emulator version 10.0.2").unwrap() >= COHERENT);
        assert_eq!(parse("no such thing"), None);
    }
}
