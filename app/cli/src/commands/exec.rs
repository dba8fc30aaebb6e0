//! `exec` and `attach`.

use super::session::{self, End, Peer};
use crate::{
    arguments::{Attach, Exec},
    failure::{Outcome, invalid},
    signals, terminal,
};
use berth_api::{
    Client,
    client::{AttachOptions, ExecRequest, Waiting},
    container::WaitFor,
};
use std::time::Duration;

/// How long the exit code may take to come once nobody reads the output.
const EXIT_CODE: Duration = Duration::from_secs(1);
/// Between two looks at an exec whose output has ended and whose end is not known yet.
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn exec(client: &Client, options: Exec) -> Outcome {
    let [container, command @ ..] = options.container_and_command.as_slice() else {
        return Err(invalid("a container and a command are needed"));
    };
    let attached = !options.detach;
    let stdin = options.interactive && attached;
    if attached {
        session::check(options.tty, stdin)?;
    }
    let request = ExecRequest {
        cmd: command.to_vec(),
        env: options.environment()?,
        user: options.user.clone(),
        working_dir: options.workdir.clone(),
        privileged: options.privileged,
        tty: options.tty,
        attach_stdin: stdin,
        attach_stdout: attached,
        attach_stderr: attached,
        detach_keys: options.detach_keys.clone(),
        console_size: terminal::size().filter(|_| options.tty).map(|(rows, columns)| [rows, columns]),
    };
    let id = client.create_exec(container, &request).await?;
    if options.detach {
        client.start_exec_detached(&id).await?;
        return Ok(0);
    }
    let attached = client.start_exec(&id, options.tty).await?;
    let end =
        session::converse(client, Peer::Exec(id.clone()), attached, stdin, options.tty, options.detach_keys.as_deref())
            .await?;
    loop {
        if let Some(exit_code) = client.exec_exit_code(&id).await? {
            return Ok(code(exit_code));
        }
        match end {
            End::Unread | End::Left => return Ok(0),
            End::Output => tokio::time::sleep(LOOK).await,
        }
    }
}

pub(super) async fn attach(client: &Client, options: &Attach) -> Outcome {
    let details = client.inspect_container(&options.container).await?;
    let is = |what: &str| details["State"][what] == true;
    for (state, advice) in [
        ("Paused", "You cannot attach to a paused container, unpause it first"),
        ("Restarting", "You cannot attach to a restarting container, wait until it is running"),
    ] {
        if is(state) {
            return Err(invalid(advice));
        }
    }
    if !is("Running") {
        return Err(invalid("You cannot attach to a stopped container, start it first"));
    }
    let tty = details["Config"]["Tty"] == true;
    let stdin = !options.no_stdin && details["Config"]["OpenStdin"] == true;
    session::check(tty, stdin)?;
    let id = details["Id"].as_str().unwrap_or(&options.container).to_owned();
    let mut signals = signals::arriving();
    let waiting = client.wait_container(&id, WaitFor::NextExit).await?;
    let how = AttachOptions { stdin, stdout: true, stderr: true, tty, detach_keys: options.detach_keys.clone() };
    let attached = client.attach(&id, &how).await?;
    let work = async {
        let end = session::converse(
            client,
            Peer::Container(id.clone()),
            attached,
            stdin,
            tty,
            options.detach_keys.as_deref(),
        )
        .await?;
        ended(client, &id, waiting, end).await
    };
    if options.sig_proxy && !tty { session::passing_signals(client, &id, &mut signals, work).await } else { work.await }
}

/// The exit code of a container that a conversation came to the end with; 0 when it goes on, since the client left.
pub(super) async fn ended(client: &Client, id: &str, waiting: Waiting, end: End) -> Outcome {
    let mut exit_code = std::pin::pin!(waiting.exit_code());
    match end {
        End::Output => return Ok(code(exit_code.await?)),
        End::Left => return Ok(0),
        End::Unread => {}
    }
    if let Ok(exit_code) = tokio::time::timeout(EXIT_CODE, &mut exit_code).await {
        return Ok(code(exit_code?));
    }
    match client.inspect_container(id).await {
        Ok(details) if details["State"]["Running"] == true && details["State"]["Restarting"] != true => Ok(0),
        _ => Ok(code(exit_code.await?)),
    }
}

/// Docker's codes are a byte; the engine sends no others.
fn code(code: i64) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}
