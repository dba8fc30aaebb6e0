//! What turns a specification into a running machine.

use crate::boot::Timeline;
use crate::{Failure, MachineSpec, Vm};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One way of getting a VM on this computer.
#[async_trait]
pub trait Driver: Send + Sync {
    /// A short name for people and logs, such as `qemu`.
    fn name(&self) -> &'static str;

    /// How guest code will run, decided when the driver was made.
    fn acceleration(&self) -> &Acceleration;

    /// Starts a machine. Each thing done is a step of `timeline`. Returns as soon as the virtual hardware runs: the
    /// guest is then still booting, and a connection asked of [`Vm::connector`] waits for it.
    ///
    /// Called from within a tokio runtime, for one machine at a time per data disk. On an error nothing is left
    /// running, and only the data disk may have been created.
    ///
    /// # Errors
    /// A [`Failure`] for the user.
    async fn boot(&self, spec: MachineSpec, timeline: &mut Timeline) -> Result<Arc<dyn Vm>, Failure>;
}

/// How guest code runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Acceleration {
    /// By the processor's virtualization.
    Hardware {
        /// Its name, such as `KVM`.
        name: String,
        /// One sentence for the user that says why this was chosen.
        why: String,
    },
    /// By translation: correct and several times slower.
    Software {
        /// One sentence for the user that says why nothing faster was chosen.
        why: String,
    },
}

impl Acceleration {
    /// The sentence for the user.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Hardware { why, .. } | Self::Software { why } => why,
        }
    }

    /// How many times longer a guest may take for anything than on hardware; deadlines are multiplied by it.
    #[must_use]
    pub const fn slowdown(&self) -> u32 {
        match self {
            Self::Hardware { .. } => 1,
            Self::Software { .. } => 4,
        }
    }
}
