//! An archive that the engine sends, into a file or to standard output.

use crate::failure::{Failure, Outcome, invalid, io};
use berth_api::Error;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::{
    ffi::OsString,
    fs::File,
    io::{IsTerminal, Write},
    path::Path,
    pin::pin,
};

/// Refuses what no file can take the place of, and terminals, before the engine is asked.
pub(super) fn check(output: Option<&Path>) -> Result<(), Failure> {
    match output {
        Some(output) => match output.metadata() {
            Ok(there) if !there.is_file() => {
                Err(invalid(format!("invalid output path: {:?} must be a regular file", output.display())))
            }
            _ => Ok(()),
        },
        None if std::io::stdout().is_terminal() => {
            Err(invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect"))
        }
        None => Ok(()),
    }
}

/// Writes it; a file is there whole or not at all.
pub(super) async fn write(archive: impl Stream<Item = Result<Bytes, Error>>, output: Option<&Path>) -> Outcome {
    let Some(output) = output else { return copy(archive, crate::output::Out).await };
    let mut fresh = OsString::from(output);
    fresh.push(format!(".{}.part", std::process::id()));
    let file = File::create_new(&fresh).map_err(io(format!("create {}", Path::new(&fresh).display())))?;
    let mut done = copy(archive, &file).await;
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

async fn copy(archive: impl Stream<Item = Result<Bytes, Error>>, mut to: impl Write) -> Outcome {
    let mut archive = pin!(archive);
    while let Some(bytes) = archive.next().await {
        to.write_all(&bytes?).map_err(io("write the archive"))?;
    }
    to.flush().map_err(io("write the archive"))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_takes_the_place_of_files_only() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(Some(folder.path())).is_err());
        assert!(check(Some(&folder.path().join("new.tar"))).is_ok());
    }
}
