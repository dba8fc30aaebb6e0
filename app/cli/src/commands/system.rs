//! `info` and `port`.

use crate::{
    arguments::Port,
    failure::{Outcome, invalid},
    output::{out, outln},
    render::{
        size,
        template::{self, Of},
        text::inert,
    },
};
use berth_api::{Client, Code, Problem};
use serde_json::Value;

/// What docker calls it.
const INFO: Of = Of::Value("system.dockerInfo");

pub(super) async fn info(client: &Client, format: Option<&str>) -> Outcome {
    let info = client.engine_info().await?;
    match format {
        Some(format) => out!("{}", template::rows(format, INFO, &[info], |_| None)?),
        None => out!("{}", sentences(&info)),
    }
    Ok(0)
}

/// Docker's lines, those that say something here.
fn sentences(info: &Value) -> String {
    let text = |field: &str| match &info[field] {
        Value::String(text) => inert(text),
        other => other.to_string(),
    };
    let memory = size::binary(info["MemTotal"].as_u64().unwrap_or(0));
    let mut out = String::new();
    for (title, value) in [
        ("Containers", text("Containers")),
        (" Running", text("ContainersRunning")),
        (" Paused", text("ContainersPaused")),
        (" Stopped", text("ContainersStopped")),
        ("Images", text("Images")),
        ("Server Version", text("ServerVersion")),
        ("Storage Driver", text("Driver")),
        ("Logging Driver", text("LoggingDriver")),
        ("Cgroup Driver", text("CgroupDriver")),
        ("Cgroup Version", text("CgroupVersion")),
        ("Default Runtime", text("DefaultRuntime")),
        ("Kernel Version", text("KernelVersion")),
        ("Operating System", text("OperatingSystem")),
        ("OSType", text("OSType")),
        ("Architecture", text("Architecture")),
        ("CPUs", text("NCPU")),
        ("Total Memory", memory),
        ("Name", text("Name")),
        ("ID", text("ID")),
        ("Docker Root Dir", text("DockerRootDir")),
        ("Live Restore Enabled", text("LiveRestoreEnabled")),
    ] {
        out.push_str(&format!("{title}: {value}\n"));
    }
    for warning in info["Warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        out.push_str(&format!("{}\n", inert(warning)));
    }
    out
}

pub(super) async fn port(client: &Client, options: &Port) -> Outcome {
    let container = client.inspect_container(&options.name).await?;
    let ports = &container["NetworkSettings"]["Ports"];
    let Some(port) = &options.port else {
        for (port, bindings) in ports.as_object().into_iter().flatten() {
            addresses(bindings).iter().for_each(|address| outln!("{port} -> {address}"));
        }
        return Ok(0);
    };
    let key = if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
    if key.split('/').next().is_none_or(|number| number.parse::<u16>().is_err()) {
        return Err(invalid(format!(
            "Error: invalid port ({port}): give a port of the container, such as 80 or 80/tcp"
        )));
    }
    let found = addresses(&ports[&key]);
    if found.is_empty() {
        let message = format!("no public port '{key}' published for {}", options.name);
        return Err(Problem::new(Code::NotFound, message).into());
    }
    found.iter().for_each(|address| outln!("{address}"));
    Ok(0)
}

fn addresses(bindings: &Value) -> Vec<String> {
    let text = |value: &Value| inert(value.as_str().unwrap_or_default());
    let address = |binding: &Value| {
        let (ip, port) = (text(&binding["HostIp"]), text(&binding["HostPort"]));
        if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
    };
    bindings.as_array().into_iter().flatten().map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_are_dockers() {
        let bindings = json!([{ "HostIp": "127.0.0.1", "HostPort": "8080" }, { "HostIp": "::1", "HostPort": "8080" }]);
        assert_eq!(addresses(&bindings), ["127.0.0.1:8080", "[::1]:8080"]);
        assert!(addresses(&Value::Null).is_empty());
    }

    #[test]
    fn the_engine_is_told_in_lines() {
        let text =
            sentences(&json!({ "Containers": 3, "ContainersPaused": 1, "MemTotal": 1_u64 << 31, "Name": "berth" }));
        assert!(text.starts_with("Containers: 3\n Running: null\n Paused: 1\n"), "{text}");
        assert!(text.contains("Total Memory: 2GiB\nName: berth\n"), "{text}");
    }
}
