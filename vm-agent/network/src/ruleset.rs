//! The packet rules, rendered as text and applied in one transaction by `nft -f -`.

use crate::{Error, NetworkKind, NetworkPlan};
use ipnet::IpNet;
use std::{
    fmt::{self, Write as _},
    path::Path,
    process::Stdio,
};
use tokio::{io::AsyncWriteExt, process::Command};

/// One bridge as the rules see it.
struct Bridge<'a> {
    name: &'a str,
    talk: bool,
    masquerade: bool,
    internal: bool,
    v4: Vec<IpNet>,
    v6: Vec<IpNet>,
}

impl<'a> Bridge<'a> {
    fn of(plan: &'a NetworkPlan) -> Option<Self> {
        let NetworkKind::Bridge { name, talk, masquerade } = &plan.kind else { return None };
        let (v4, v6) =
            plan.subnets.iter().map(|planned| planned.subnet).partition(|subnet| matches!(subnet, IpNet::V4(_)));
        Some(Self { name, talk: *talk, masquerade: *masquerade, internal: plan.internal, v4, v6 })
    }
}

/// The whole table for all networks. Declaring and deleting it first makes the application a replacement: it works
/// whether or not an earlier engine left one.
pub(crate) fn render<'a>(plans: impl IntoIterator<Item = &'a NetworkPlan>) -> String {
    let bridges: Vec<Bridge<'_>> = plans.into_iter().filter_map(Bridge::of).collect();
    let mut rules = String::new();
    let written = write_table(&mut rules, &bridges);
    debug_assert!(written.is_ok(), "a string takes everything");
    rules
}

fn write_table(out: &mut String, bridges: &[Bridge<'_>]) -> fmt::Result {
    writeln!(out, "table inet berth\ndelete table inet berth\ntable inet berth {{")?;
    writeln!(out, "\tchain postrouting {{\n\t\ttype nat hook postrouting priority srcnat; policy accept;")?;
    for bridge in bridges.iter().filter(|bridge| bridge.masquerade && !bridge.internal) {
        for (family, subnets) in [("ip", &bridge.v4), ("ip6", &bridge.v6)] {
            for subnet in subnets {
                writeln!(out, "\t\t{family} saddr {subnet} oifname != \"{}\" masquerade", bridge.name)?;
            }
        }
    }
    writeln!(out, "\t}}\n")?;

    writeln!(out, "\tchain forward {{\n\t\ttype filter hook forward priority filter; policy accept;")?;
    for bridge in bridges {
        write_senders(out, bridge)?;
    }
    for bridge in bridges {
        let (name, among) = (bridge.name, if bridge.talk { "accept" } else { "drop" });
        writeln!(out, "\t\toifname \"{name}\" iifname \"{name}\" {among}")?;
        if !bridge.internal {
            writeln!(out, "\t\toifname \"{name}\" ct state established,related accept")?;
        }
        writeln!(out, "\t\toifname \"{name}\" drop")?;
    }
    writeln!(out, "\t}}\n")?;

    writeln!(out, "\tchain input {{\n\t\ttype filter hook input priority filter; policy accept;")?;
    for Bridge { name, v6, .. } in bridges {
        writeln!(out, "\t\tiifname \"{name}\" ct state established,related accept")?;
        writeln!(out, "\t\tiifname \"{name}\" icmp type echo-request accept")?;
        if !v6.is_empty() {
            let types = "echo-request, nd-neighbor-solicit, nd-neighbor-advert";
            writeln!(out, "\t\tiifname \"{name}\" icmpv6 type {{ {types} }} accept")?;
        }
        writeln!(out, "\t\tiifname \"{name}\" drop")?;
    }
    writeln!(out, "\t}}\n}}")
}

/// What comes from a network comes from its own addresses, and goes nowhere from an internal one.
fn write_senders(out: &mut String, Bridge { name, internal, v4, v6, .. }: &Bridge<'_>) -> fmt::Result {
    if *internal {
        writeln!(out, "\t\tiifname \"{name}\" oifname != \"{name}\" drop")?;
    }
    match v4.first() {
        Some(subnet) => writeln!(out, "\t\tiifname \"{name}\" ip saddr != {subnet} drop")?,
        None => writeln!(out, "\t\tiifname \"{name}\" meta nfproto ipv4 drop")?,
    }
    match v6.first() {
        // Neighbours speak to each other by link-local addresses, and without one while they look for theirs.
        Some(subnet) => writeln!(out, "\t\tiifname \"{name}\" ip6 saddr != {{ {subnet}, fe80::/10, :: }} drop"),
        None => writeln!(out, "\t\tiifname \"{name}\" meta nfproto ipv6 drop"),
    }
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
    use crate::PlannedSubnet;

    fn plan(name: &str, subnets: &[&str], change: impl FnOnce(&mut NetworkPlan)) -> NetworkPlan {
        let planned = |text: &&str| PlannedSubnet { subnet: text.parse().unwrap(), gateway: None };
        let mut plan = NetworkPlan {
            id: "ab".repeat(32),
            kind: NetworkKind::Bridge { name: name.into(), talk: true, masquerade: true },
            subnets: subnets.iter().map(planned).collect(),
            internal: false,
            mtu: None,
        };
        change(&mut plan);
        plan
    }

    #[test]
    fn the_rules_of_the_default_bridge() {
        insta::assert_snapshot!(render([&plan("berth0", &["172.17.0.0/16"], |_| {})]));
    }

    #[test]
    fn the_rules_of_networks_of_every_kind() {
        let plans = [
            plan("berth0", &["172.17.0.0/16"], |_| {}),
            plan("br-dual", &["172.18.0.0/16", "fd00:1::/64"], |_| {}),
            plan("br-internal", &["172.19.0.0/16"], |plan| plan.internal = true),
            plan("br-silent", &["fd00:2::/64"], |plan| {
                plan.kind = NetworkKind::Bridge { name: "br-silent".into(), talk: false, masquerade: false };
            }),
        ];
        insta::assert_snapshot!(render(&plans));
    }
}
