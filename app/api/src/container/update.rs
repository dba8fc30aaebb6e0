//! What `update` changes.

use crate::run::RestartSpec;
use bollard::models::ContainerUpdateBody;

/// Changes of a container; `None` keeps a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Relative weight of its block I/O, 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Microseconds.
    pub cpu_period: Option<i64>,
    /// Microseconds per period.
    pub cpu_quota: Option<i64>,
    /// Relative weight of its processes.
    pub cpu_shares: Option<i64>,
    /// Billionths of a processor.
    pub nano_cpus: Option<i64>,
    /// `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// `0-2,7`.
    pub cpuset_mems: Option<String>,
    /// Bytes.
    pub memory: Option<i64>,
    /// Bytes.
    pub memory_reservation: Option<i64>,
    /// Memory and swap, bytes; -1 is no limit.
    pub memory_swap: Option<i64>,
    /// Processes; -1 is no limit.
    pub pids_limit: Option<i64>,
    /// When the engine starts it again.
    pub restart: Option<RestartSpec>,
}

impl Update {
    /// The body of `POST /containers/{name}/update`.
    pub(crate) fn body(&self) -> ContainerUpdateBody {
        ContainerUpdateBody {
            blkio_weight: self.blkio_weight,
            cpu_period: self.cpu_period,
            cpu_quota: self.cpu_quota,
            cpu_shares: self.cpu_shares,
            nano_cpus: self.nano_cpus,
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            memory: self.memory,
            memory_reservation: self.memory_reservation,
            memory_swap: self.memory_swap,
            pids_limit: self.pids_limit,
            restart_policy: self.restart.map(Into::into),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_given_is_sent() {
        let update = Update { memory: Some(64), restart: Some(RestartSpec::Always), ..Update::default() };
        let json = serde_json::to_value(update.body()).unwrap();
        assert_eq!((&json["Memory"], &json["RestartPolicy"]["Name"]), (&64.into(), &"always".into()));
        assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
    }
}
