//! `diff`, `export` and `commit`: what is in a container's root.

use crate::{
    arguments::{Commit, Export},
    failure::{Failure, Outcome, invalid, io},
    output::outln,
    render::text::inert,
};
use berth_api::{Client, client};
use futures_util::StreamExt;
use std::{
    ffi::OsString,
    fs::File,
    io::{IsTerminal, Write},
    path::Path,
    pin::pin,
};

pub(super) async fn diff(client: &Client, name: &str) -> Outcome {
    for change in client.changes(name).await? {
        let kind = match change.kind {
            0 => 'C',
            1 => 'A',
            _ => 'D',
        };
        outln!("{kind} {}", inert(&change.path));
    }
    Ok(0)
}

pub(super) async fn export(client: &Client, options: &Export) -> Outcome {
    match &options.output {
        Some(output) => {
            check(output)?;
            export_to_file(client, &options.name, output).await
        }
        None if std::io::stdout().is_terminal() => {
            Err(invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect"))
        }
        None => copy(client, &options.name, crate::output::Out).await,
    }
}

/// Refuses what no file can take the place of, before the engine is asked.
fn check(output: &Path) -> Result<(), Failure> {
    match output.metadata() {
        Ok(there) if !there.is_file() => {
            Err(invalid(format!("invalid output path: {:?} must be a regular file", output.display())))
        }
        _ => Ok(()),
    }
}

/// The file is there whole or not at all.
async fn export_to_file(client: &Client, name: &str, output: &Path) -> Outcome {
    let mut fresh = OsString::from(output);
    fresh.push(format!(".{}.part", std::process::id()));
    let file = File::create_new(&fresh).map_err(io(format!("create {}", Path::new(&fresh).display())))?;
    let mut done = copy(client, name, &file).await;
    if done.is_ok()
        && let Err(error) = file.sync_all().and_then(|()| std::fs::rename(&fresh, output))
    {
        done = Err(io(format!("write {}", output.display()))(error));
    }
    if done.is_err() {
        // What was tried before is what is told.
        std::fs::remove_file(&fresh).ok();
    }
    done
}

async fn copy(client: &Client, name: &str, mut to: impl Write) -> Outcome {
    let mut archive = pin!(client.export(name).await?);
    while let Some(bytes) = archive.next().await {
        to.write_all(&bytes?).map_err(io("write the archive"))?;
    }
    to.flush().map_err(io("write the archive"))?;
    Ok(0)
}

pub(super) async fn commit(client: &Client, options: Commit) -> Outcome {
    let Commit { author, change, message, pause, name, reference } = options;
    let commit = client::Commit { reference, author, message, changes: change, pause };
    outln!("{}", inert(&client.commit(&name, &commit).await?));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_takes_the_place_of_files_only() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path()).is_err());
        assert!(check(&folder.path().join("new.tar")).is_ok());
    }
}
