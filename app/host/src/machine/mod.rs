//! The machine: one task owns the VM and its lifecycle; everyone else sends it wishes and watches its status.

mod boot;
mod boot_config;
mod certificates;
mod life;
mod proxies;
mod status;

pub use life::Machine;

use crate::settings::Settings;
use berth_api::{BerthHome, Share};
use berth_machine::{Driver, Failure};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Chooses the way of getting a VM; called once, at the first start.
pub type ChooseDriver = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Driver>, Failure>> + Send + Sync>;

/// What a machine is made from.
#[derive(Clone)]
pub struct MachineConfig {
    /// Where its state lives.
    pub home: BerthHome,
    /// Where its guest image is.
    pub share: Share,
    /// Its size.
    pub settings: Settings,
    /// Its way out.
    pub gateway: berth_net::Settings,
    /// How it comes about.
    pub choose_driver: ChooseDriver,
}
