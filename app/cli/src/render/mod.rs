//! Text for a terminal.

pub(crate) mod age;
pub(crate) mod copied;
pub(crate) mod ports;
pub(crate) mod progress;
pub(crate) mod size;
pub(crate) mod steps;
pub(crate) mod table;
pub(crate) mod template;
pub(crate) mod text;
