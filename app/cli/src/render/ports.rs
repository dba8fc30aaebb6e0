//! The PORTS column of `ps`.

use berth_api::PortRow;

/// Ports as docker prints them, one entry per address.
pub(crate) fn words(ports: &[PortRow]) -> String {
    let mut entries = Vec::new();
    for port in ports {
        let inside = format!("{}/{}", port.container_port, port.protocol);
        match port.host_port {
            None => entries.push(inside),
            Some(outside) if port.host_ips.is_empty() => entries.push(format!("{outside}->{inside}")),
            Some(outside) => entries.extend(port.host_ips.iter().map(|ip| {
                let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.clone() };
                format!("{ip}:{outside}->{inside}")
            })),
        }
    }
    entries.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_exposed_ports_are_told() {
        let port = |ips: &[&str], host_port, container_port| PortRow {
            host_ips: ips.iter().map(|ip| (*ip).to_owned()).collect(),
            host_port,
            container_port,
            protocol: "tcp".into(),
            url: None,
        };
        let ports = [port(&["127.0.0.1", "::1"], Some(8080), 80), port(&[], None, 443)];
        assert_eq!(words(&ports), "127.0.0.1:8080->80/tcp, [::1]:8080->80/tcp, 443/tcp");
    }
}
