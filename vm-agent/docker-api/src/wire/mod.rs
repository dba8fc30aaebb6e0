//! What travels: JSON documents, lines of JSON, archives, and the frames of container output.

pub(crate) mod archive;
pub(crate) mod frame;
pub(crate) mod json;
pub(crate) mod lines;

/// A byte stream without structure: the output of a container that has a terminal.
pub(crate) const RAW_STREAM: &str = "application/vnd.docker.raw-stream";
/// A byte stream of [`frame`]s.
pub(crate) const MULTIPLEXED_STREAM: &str = "application/vnd.docker.multiplexed-stream";

/// The type of a stream of container output. Before API 1.42 both kinds had one name.
pub(crate) fn output_type(version: crate::ApiVersion, tty: bool) -> &'static str {
    if !tty && version.at_least(42) { MULTIPLEXED_STREAM } else { RAW_STREAM }
}
