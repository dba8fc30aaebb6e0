//! `login` and `logout`, in docker's words.

use crate::{
    arguments::Login as Options,
    failure::{Failure, Outcome, invalid, io},
    output::{out, outln},
    render::text::inert,
    terminal,
};
use berth_api::{
    Client, Error, Login, Logins,
    login::{self, Kept},
};
use std::{io::Read, path::Path};

pub(super) async fn login(client: &Client, mut options: Options) -> Outcome {
    if options.password.is_some() && options.password_stdin {
        return Err(invalid("conflicting options: cannot specify both --password and --password-stdin"));
    }
    if options.password.is_some() {
        eprintln!("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    if options.password_stdin {
        if options.username.is_none() {
            return Err(invalid("the --password-stdin option requires --username to be set"));
        }
        options.password = Some(from_stdin()?);
    }
    let server = login::typed(options.server.as_deref()).to_owned();
    let logins = Logins::from_env()?;
    let mut username = options.username;
    if username.is_none() && options.password.is_none() {
        // Those that are kept may still do; where they cannot be read, new ones are asked for.
        if let Some(stored) = logins.get(&server).await.ok().flatten() {
            username = Some(stored.username.clone()).filter(|name| !name.is_empty());
            if !stored.password.is_empty() {
                eprintln!("Authenticating with existing credentials...");
                match client.log_in(stored).await {
                    Ok(login) => return keep(&logins, &login).await,
                    Err(Error::Engine { status: 401, .. }) => eprintln!("Stored credentials invalid or expired"),
                    Err(Error::Engine { message, .. }) => {
                        eprintln!("Login did not succeed, error: {}", inert(&message));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            options.password = None;
        }
        let default = username.take();
        username = Some(ask_name(default)?);
    }
    let login = Login {
        server,
        username: match username {
            Some(name) => name,
            None => ask_name(None)?,
        },
        password: match options.password {
            Some(password) => password,
            None => ask_password()?,
        },
        identity_token: String::new(),
    };
    keep(&logins, &client.log_in(login).await?).await
}

pub(super) async fn logout(server: Option<&str>) -> Outcome {
    let hub = server.is_none_or(str::is_empty);
    let server = server.filter(|_| !hub).unwrap_or(login::DOCKER_HUB);
    let host = if hub { server } else { login::hostname(server) };
    // As older versions of docker may have kept it.
    let mut names = vec![server.to_owned()];
    if !hub {
        names.extend([host.to_owned(), format!("http://{host}"), format!("https://{host}")]);
        names.dedup();
    }
    outln!("Removing login credentials for {}", inert(host));
    let logins = Logins::from_env()?;
    let mut failures = Vec::new();
    for name in &names {
        if let Err(error) = logins.forget(name).await {
            failures.push((name, error));
        }
    }
    if failures.len() == names.len() {
        eprintln!("WARNING: could not erase credentials:");
        for (name, error) in failures {
            eprintln!("{}: {}", inert(name), inert(&error.to_string()));
        }
    }
    Ok(0)
}

async fn keep(logins: &Logins, login: &Login) -> Outcome {
    let kept = logins.keep(login).await.map_err(|error| {
        let mut problem = error.problem();
        problem.message = format!("Error saving credentials: {}", problem.message);
        Failure::Problem(problem)
    })?;
    if let Kept::Unencrypted(file) = kept {
        warn(&file);
    }
    outln!("Login Succeeded");
    Ok(0)
}

fn warn(file: &Path) {
    eprintln!(
        "\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n",
        file.display()
    );
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(io("read the password"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn ask_name(default: Option<String>) -> Result<String, Failure> {
    let terminal = terminal_or_refuse()?;
    match &default {
        Some(name) => out!("Username ({}): ", inert(name)),
        None => out!("Username: "),
    }
    let name = terminal.read_line().map_err(io("read the user name"))?.trim().to_owned();
    let name = if name.is_empty() { default.unwrap_or_default() } else { name };
    if name.is_empty() { Err(invalid("Error: Non-null Username Required")) } else { Ok(name) }
}

fn ask_password() -> Result<String, Failure> {
    let terminal = terminal_or_refuse()?;
    out!("Password: ");
    let password = terminal.read_secure_line().map_err(io("read the password"))?;
    if password.is_empty() { Err(invalid("Error: Password Required")) } else { Ok(password) }
}

fn terminal_or_refuse() -> Result<console::Term, Failure> {
    if !terminal::is_input() {
        return Err(invalid("Error: Cannot perform an interactive login from a non TTY device"));
    }
    Ok(console::Term::stdout())
}
