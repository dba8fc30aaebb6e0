//! The packet rules, rendered as text and applied in one transaction by `nft -f -`.

use crate::{Error, Subnet};
use std::{path::Path, process::Stdio};
use tokio::{io::AsyncWriteExt, process::Command};

/// The whole table for one bridge. Declaring and deleting it first makes the application a replacement: it works
/// whether or not an earlier engine left one.
pub(crate) fn render(bridge: &str, subnet: Subnet) -> String {
    format!(
        r#"table inet berth
delete table inet berth
table inet berth {{
	chain postrouting {{
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr {subnet} oifname != "{bridge}" masquerade
	}}

	chain forward {{
		type filter hook forward priority filter; policy accept;
		oifname "{bridge}" ct state established,related accept
		oifname "{bridge}" iifname "{bridge}" accept
		oifname "{bridge}" drop
		iifname "{bridge}" ip saddr != {subnet} drop
	}}

	chain input {{
		type filter hook input priority filter; policy accept;
		iifname "{bridge}" ct state established,related accept
		iifname "{bridge}" icmp type echo-request accept
		iifname "{bridge}" drop
	}}
}}
"#
    )
}

/// Makes the kernel's rules be `rules`, all or none.
pub(crate) async fn apply(nft: &Path, rules: &str) -> Result<(), Error> {
    let mut child = Command::new(nft)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::io("run", nft))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A broken pipe means that nft ended early: its own words, read below, say why.
        if let Err(e) = stdin.write_all(rules.as_bytes()).await {
            tracing::debug!("nft stopped reading: {e}");
        }
    }
    let output = child.wait_with_output().await.map_err(Error::io("wait for", nft))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(Error::Rules(words.lines().next().unwrap_or("no reason given").to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_default_bridge() {
        let subnet = Subnet::containing([172, 17, 0, 1].into(), 16).unwrap();
        insta::assert_snapshot!(render("berth0", subnet));
    }
}
