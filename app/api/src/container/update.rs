//! What `update` changes.

use crate::run::{Limits, RestartSpec};
use bollard::models::ContainerUpdateBody;

/// Changes of a container; `None` keeps a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// How much it may take from now on.
    pub limits: Limits,
    /// When the engine starts it again.
    pub restart: Option<RestartSpec>,
}

impl Update {
    /// The body of `POST /containers/{name}/update`.
    pub(crate) fn body(&self) -> ContainerUpdateBody {
        ContainerUpdateBody { restart_policy: self.restart.map(Into::into), ..self.limits.update() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_given_is_sent() {
        let update =
            Update { limits: Limits { memory: Some(64), ..Limits::default() }, restart: Some(RestartSpec::Always) };
        let json = serde_json::to_value(update.body()).unwrap();
        assert_eq!((&json["Memory"], &json["RestartPolicy"]["Name"]), (&64.into(), &"always".into()));
        assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
    }
}
