//! A shell in a container, on a terminal of its own.

use super::{Attached, Client, ExecRequest};
use crate::error::Error;

/// The shell that people like, else the one that every system has.
const SHELL: &str = "command -v bash >/dev/null 2>&1 && exec bash; exec sh";

impl Client {
    /// Opens a shell in a running container; gives its exec's id and both ends of its terminal. What keeps it from
    /// running comes as output.
    ///
    /// # Errors
    /// Those of every request; 409 when the container does not run.
    pub async fn open_shell(&self, name: &str, columns: u16, rows: u16) -> Result<(String, Attached), Error> {
        let request = ExecRequest {
            cmd: ["/bin/sh", "-c", SHELL].map(Into::into).to_vec(),
            env: vec!["TERM=xterm-256color".into()],
            tty: true,
            attach_stdin: true,
            attach_stdout: true,
            attach_stderr: true,
            // No key leaves it: closing its tab does.
            detach_keys: Some(String::new()),
            console_size: Some([rows, columns]),
            ..ExecRequest::default()
        };
        let id = self.create_exec(name, &request).await?;
        let attached = self.start_exec(&id, true).await?;
        Ok((id, attached))
    }
}
