//! The vsock ports the guest listens on. The host listens on none.

/// PID 1: boot report, clock, shutdown ([`crate::control`]).
pub const CONTROL: u32 = 1024;
/// The engine: HTTP, the Docker Engine API.
pub const API: u32 = 1025;
/// The engine: one forwarded TCP stream per connection ([`crate::forward`]).
pub const FORWARD: u32 = 1026;
/// The engine: the stream over which it asks the host to publish ports ([`crate::publish`]).
pub const PUBLISH: u32 = 1027;
/// The uplink: packets of the guest to the outside and back ([`crate::uplink`]).
pub const UPLINK: u32 = 1028;
