//! What the window may ask for. Each command is a call into `berth_api`; build.rs and capabilities/main.json list it too.
//! A command that takes a stream's number answers when that stream has ended; `end_stream` ends it earlier.

pub(crate) mod containers;
pub(crate) mod follow;
pub(crate) mod images;
pub(crate) mod machine;
pub(crate) mod networks;
pub(crate) mod ports;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod terminal;

use tauri::{State, ipc::Channel};

type Client<'a> = State<'a, berth_api::Client>;
