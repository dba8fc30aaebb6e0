//! Containers as the commands see them: made, started, signalled, deleted, looked at.

mod birth;
mod create;
mod delete;
mod exec;
mod id;
mod init_process;
mod kill;
mod pause;
mod start;
mod state;
mod store;
mod update;

pub(crate) use create::{Created, create};
pub(crate) use delete::delete;
pub(crate) use exec::{Starter, exec, exit_code};
pub(crate) use id::ContainerId;
pub(crate) use kill::{SignalNumber, kill};
pub(crate) use pause::{pause, resume};
pub(crate) use start::start;
pub(crate) use state::describe;
pub(crate) use store::Store;
pub(crate) use update::{read_resources, update};
