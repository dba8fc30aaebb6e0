//! Capability sets of the container's process.

use std::collections::HashSet;

use caps::CapSet;
use oci_spec::runtime::{Capability, LinuxCapabilities};

use crate::{
    failure::{Context, Failure},
    kernel::process::{CapabilitySets, set_capabilities},
};

const SETPCAP: u64 = 1 << 8;
const SYS_ADMIN: u64 = 1 << 21;

/// The five sets, as bit masks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Granted {
    bounding: u64,
    ambient: u64,
    sets: CapabilitySets,
}

impl Granted {
    /// Reads the sets of a bundle; a bundle without the section grants nothing. What this process does not hold itself,
    /// it cannot grant, and passes over as runc does.
    ///
    /// # Errors
    /// A capability this program does not know.
    pub(crate) fn from_spec(capabilities: Option<&LinuxCapabilities>) -> Result<Self, Failure> {
        let Some(capabilities) = capabilities else { return Ok(Self::default()) };
        let held = caps::read(None, CapSet::Permitted).map_err(|error| Failure::other(error.to_string()))?;
        let held = held.into_iter().fold(0, |mask, capability| mask | capability.bitmask());
        let granted = |names: &Option<HashSet<Capability>>| mask(names.as_ref()).map(|mask| mask & held);
        Ok(Self {
            bounding: granted(capabilities.bounding())?,
            ambient: granted(capabilities.ambient())?,
            sets: CapabilitySets {
                effective: granted(capabilities.effective())?,
                permitted: granted(capabilities.permitted())?,
                inheritable: granted(capabilities.inheritable())?,
            },
        })
    }

    /// Drops all but the granted capabilities from the bounding set: no later exec can regain them.
    pub(super) fn bound(&self) -> Result<(), Failure> {
        let held = caps::read(None, CapSet::Bounding).map_err(|error| Failure::other(error.to_string()))?;
        for capability in held.into_iter().filter(|capability| self.bounding & capability.bitmask() == 0) {
            caps::drop(None, CapSet::Bounding, capability)
                .map_err(|error| Failure::other(format!("drop {capability}: {error}")))?;
        }
        Ok(())
    }

    /// Takes the granted sets on, and beside them what is needed until [`Granted::settle`]. To be called as the
    /// container's user, with the permitted set kept across the change of user.
    pub(super) fn assume(&self) -> Result<(), Failure> {
        let until_settled = SETPCAP | SYS_ADMIN;
        let sets = CapabilitySets {
            effective: self.sets.effective | until_settled,
            permitted: self.sets.permitted | until_settled,
            inheritable: self.sets.inheritable,
        };
        set_capabilities(sets).context("set capabilities")?;
        caps::clear(None, CapSet::Ambient).map_err(|error| Failure::other(format!("ambient capabilities: {error}")))?;
        for capability in caps::all().into_iter().filter(|capability| self.ambient & capability.bitmask() != 0) {
            // A capability that is not permitted and inheritable cannot be ambient; runc passes over it likewise.
            if self.sets.permitted & self.sets.inheritable & capability.bitmask() != 0 {
                caps::raise(None, CapSet::Ambient, capability)
                    .map_err(|error| Failure::other(format!("raise {capability}: {error}")))?;
            }
        }
        Ok(())
    }

    /// Leaves nothing but the granted sets: one system call, so that it can follow the seccomp filter.
    pub(super) fn settle(&self) -> nix::Result<()> {
        set_capabilities(self.sets)
    }
}

fn mask(names: Option<&HashSet<Capability>>) -> Result<u64, Failure> {
    names.into_iter().flatten().try_fold(0, |mask, name| {
        let name = format!("CAP_{name}");
        let known: caps::Capability = name
            .parse()
            .map_err(|_| Failure::other(format!("unknown capability {name}; remove it from the bundle")))?;
        Ok(mask | known.bitmask())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_the_kernels_bits() {
        let names: LinuxCapabilities =
            serde_json::from_str(r#"{"bounding":["CAP_CHOWN","CAP_SYS_ADMIN","CAP_CHECKPOINT_RESTORE"]}"#).unwrap();
        assert_eq!(mask(names.bounding().as_ref()).unwrap(), 1 | 1 << 21 | 1 << 40);
    }

    #[test]
    fn no_section_grants_nothing() {
        assert_eq!(Granted::from_spec(None).unwrap(), Granted::default());
    }
}
