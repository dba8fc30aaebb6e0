//! Who says which names there are.

use std::{net::IpAddr, sync::Arc};

/// Tells what one container may resolve now. Asked anew for each question, so that an answer is never older than the
/// question.
pub type Look = Arc<dyn Fn() -> Box<dyn Names> + Send + Sync>;

/// What one container may resolve at one moment.
pub trait Names {
    /// The addresses of a name, of both families. A name that is known and has none is answered with none; one that is
    /// not known goes to the servers of the outside. `name` is in lower case, without a dot at its end.
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>>;

    /// The name that an address goes by.
    fn name_of(&self, address: IpAddr) -> Option<String>;

    /// Whether questions may leave: not for a container that is on internal networks only.
    fn may_ask_outside(&self) -> bool;
}
