//! Giving a container users of its own: ids, namespaces, and its files with these ids.

use super::{Engine, io_error, share::namespace};
use crate::{
    Error, Result,
    container::{Definition, NetworkMode},
    roster::Container,
    spec::donor,
    users::{self, Users},
};
use berth_image::Snapshot;
use berth_network::Origin;
use std::{collections::BTreeSet, path::Path};

impl Engine {
    /// The user namespace of a container that starts now; `None` for the machine's own. One that joins namespaces of
    /// another container is in that one's: nobody else may use what it owns.
    ///
    /// # Errors
    /// Containers to join that are not in the same one.
    pub(super) async fn choose_users(&self, container: &Container) -> Result<Option<Users>> {
        let definition = &container.definition;
        let host = &definition.host;
        let chosen = match self.users_to_join(definition)? {
            _ if host.userns_mode == "host" => None,
            Some((donor, None)) if host.userns_mode == "auto" => {
                return Err(Error::Conflict(format!(
                    "cannot join namespaces of container {donor} from another user namespace (hint: leave out --userns)"
                )));
            }
            Some((_, joined)) => joined,
            None if users::remaps(host, self.inner.defaults.userns_remap()) => {
                return self.take_range(container).await.map(Some);
            }
            None => None,
        };
        let first = chosen.as_ref().map(|users| users.first);
        if container.now()?.users != first {
            self.change(container, |live| {
                live.users = first;
                Ok(())
            })
            .await?;
        }
        Ok(chosen)
    }

    /// The user namespace of the containers that a container joins, with one of them by name. Those that do not run are
    /// complained of elsewhere.
    fn users_to_join(&self, definition: &Definition) -> Result<Option<(String, Option<Users>)>> {
        let host = &definition.host;
        let network = match &host.network_mode {
            NetworkMode::Container(id) => Some(id.as_str()),
            _ => None,
        };
        let mut found: Option<(String, Option<Users>)> = None;
        for id in [network, donor(&host.pid_mode), donor(&host.ipc_mode)].into_iter().flatten() {
            let Ok((container, pid)) = self.running(id) else { continue };
            let users = container.now()?.users.map(|first| Users { namespace: namespace(pid, "user"), first });
            match &found {
                Some((other, theirs)) if theirs.as_ref().map(|u| u.first) != users.as_ref().map(|u| u.first) => {
                    return Err(Error::Conflict(format!(
                        "cannot join namespaces of containers {other} and {id}: they are in different user namespaces"
                    )));
                }
                Some(_) => {}
                None => found = Some((id.to_owned(), users)),
            }
        }
        Ok(found)
    }

    /// Gives a container a range of ids. It is kept before anything has these ids, so that an engine that takes it up
    /// gives them to nobody else.
    async fn take_range(&self, container: &Container) -> Result<Users> {
        let _one_at_a_time = self.inner.ranges.lock().await;
        let others = self.inner.roster.all().into_iter().filter(|other| other.id() != container.id());
        let taken: BTreeSet<u32> = others.filter_map(|other| other.now().ok()?.users).collect();
        let first = users::free(&taken)?;
        self.change(container, |live| {
            live.users = Some(first);
            Ok(())
        })
        .await?;
        Ok(Users { namespace: self.inner.paths.users(container.id()), first })
    }

    /// Makes the namespaces of a container with users of its own, and says where its network's comes from then.
    ///
    /// # Errors
    /// The runtime's words.
    pub(super) async fn pin_users(&self, definition: &Definition, users: Option<&Users>) -> Result<Origin> {
        let (id, seams) = (&definition.id, &self.inner.seams);
        let own = users.filter(|users| users.namespace == self.inner.paths.users(id));
        let Some(Users { namespace, first }) = own else { return Ok(Origin::New) };
        let internal = |e: &dyn std::fmt::Display| Error::Internal(format!("could not make a user namespace: {e}"));
        // What an earlier attempt left has no endpoint.
        seams.network.close(id, &[]).await.map_err(|e| internal(&e))?;
        let network = seams.network.namespace(id);
        seams.runtime.pin_users(*first, namespace, &network).await.map_err(|e| internal(&e))?;
        Ok(Origin::There)
    }

    /// Mounts a container's files anew, with the ids that its users have.
    ///
    /// # Errors
    /// The runtime's or the kernel's words.
    pub(super) async fn remount_mapped(&self, id: &str, snapshot: &Snapshot, own: &Users) -> Result<()> {
        let inner = &self.inner;
        let (rootfs, place, data) = (inner.paths.rootfs(id), inner.paths.mapped(id), inner.paths.data());
        inner.seams.snapshots.unmount(&rootfs).await?;
        tokio::fs::create_dir(&place).await.map_err(io_error("create", &place))?;
        let mapped = inner.seams.runtime.bind_mapped(&own.namespace, data, &place).await;
        mapped.map_err(|e| Error::Internal(format!("could not map a container's files: {e}")))?;
        inner.seams.snapshots.mount(&snapshot.moved(data, &place), &rootfs, users::ids(own.first)).await?;
        // The kernel has copies of its own.
        self.take_off(&place).await
    }

    async fn take_off(&self, place: &Path) -> Result<()> {
        self.inner.seams.snapshots.unmount(place).await?;
        tokio::fs::remove_dir(place).await.map_err(io_error("remove", place))
    }
}
