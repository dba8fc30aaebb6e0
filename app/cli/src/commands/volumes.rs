//! `volume`.

use super::each;
use crate::output::{out, outln};
use crate::{arguments::Volume, failure::Outcome, render::table};
use berth_api::Client;

pub(super) async fn volume(client: &Client, command: Volume) -> Outcome {
    match command {
        Volume::Ls { quiet } => ls(client, quiet).await,
        Volume::Create { name } => {
            outln!("{}", client.create_volume(name.as_deref()).await?.name);
            Ok(0)
        }
        Volume::Rm { force, names } => {
            each(&names.names, |name| async move { client.remove_volume(&name, force).await }).await
        }
        Volume::Inspect(names) => {
            let mut found = Vec::new();
            for name in &names.names {
                found.push(client.inspect_volume(name).await?);
            }
            super::inspect::print(&found)?;
            Ok(0)
        }
    }
}

async fn ls(client: &Client, quiet: bool) -> Outcome {
    let volumes = client.volumes().await?;
    if quiet {
        volumes.iter().for_each(|volume| outln!("{}", volume.name));
    } else {
        let rows: Vec<_> = volumes.into_iter().map(|volume| [volume.driver, volume.name]).collect();
        out!("{}", table::render(["DRIVER", "VOLUME NAME"], &rows));
    }
    Ok(0)
}
