//! The process of an exec: the container's own, with what was asked.

use super::{ResolvedUser, capabilities, environment};
use crate::{
    Error, Result,
    container::{Definition, HostConfig},
    exec::ExecConfig,
};
use serde_json::{Value, json};

/// The section `process` for an exec, from the one that the container was started with.
///
/// # Errors
/// A working directory that is not absolute, in docker's words.
pub(crate) fn exec_process(
    mut process: Value,
    definition: &Definition,
    exec: &ExecConfig,
    user: &ResolvedUser,
    hostname: &str,
) -> Result<Value> {
    let own = &definition.config;
    let dir = [&exec.working_dir, &own.working_dir].into_iter().find(|dir| !dir.is_empty());
    let dir = dir.map_or("/", String::as_str);
    if !dir.starts_with('/') {
        let message = "OCI runtime exec failed: exec failed: unable to start container process: Cwd must be an absolute path: unknown";
        return Err(Error::StartFailed { message: message.to_owned(), callers_fault: true });
    }
    let mut config = own.clone();
    config.tty = exec.tty;
    environment::merge(&mut config.env, &exec.env);
    process["terminal"] = json!(exec.tty);
    process["args"] = json!(exec.cmd);
    process["env"] = json!(environment::of(&config, hostname, &user.home));
    process["cwd"] = json!(dir);
    process["user"] = user.to_json();
    match exec.console_size.filter(|_| exec.tty) {
        Some((rows, columns)) => process["consoleSize"] = json!({ "height": rows, "width": columns }),
        None => drop(process.as_object_mut().and_then(|process| process.remove("consoleSize"))),
    }
    if exec.privileged {
        let all = capabilities::of(&HostConfig { privileged: true, ..HostConfig::default() })?;
        process["capabilities"] = json!({ "bounding": all, "effective": all, "permitted": all });
    }
    Ok(process)
}
