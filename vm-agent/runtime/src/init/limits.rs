//! Resource limits of the container's process.

use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
};
use oci_spec::runtime::{PosixRlimit, PosixRlimitType};

use crate::failure::{Context, Failure};

/// Sets `limits` for this process and what it executes. Without `CAP_SYS_RESOURCE` a hard limit cannot be raised: the
/// inherited one is kept then.
///
/// # Errors
/// A soft limit above its hard one.
pub(super) fn apply(limits: &[PosixRlimit]) -> Result<(), Failure> {
    for limit in limits {
        let (soft, hard, resource) = (limit.soft(), limit.hard(), resource(limit.typ()));
        let result = match setrlimit(resource, soft, hard) {
            Err(Errno::EPERM) => getrlimit(resource)
                .and_then(|(_, inherited)| setrlimit(resource, soft.min(inherited), inherited.min(hard))),
            result => result,
        };
        result.context(format_args!("limit {}", limit.typ()))?;
    }
    Ok(())
}

fn resource(kind: PosixRlimitType) -> Resource {
    match kind {
        PosixRlimitType::RlimitCpu => Resource::RLIMIT_CPU,
        PosixRlimitType::RlimitFsize => Resource::RLIMIT_FSIZE,
        PosixRlimitType::RlimitData => Resource::RLIMIT_DATA,
        PosixRlimitType::RlimitStack => Resource::RLIMIT_STACK,
        PosixRlimitType::RlimitCore => Resource::RLIMIT_CORE,
        PosixRlimitType::RlimitRss => Resource::RLIMIT_RSS,
        PosixRlimitType::RlimitNproc => Resource::RLIMIT_NPROC,
        PosixRlimitType::RlimitNofile => Resource::RLIMIT_NOFILE,
        PosixRlimitType::RlimitMemlock => Resource::RLIMIT_MEMLOCK,
        PosixRlimitType::RlimitAs => Resource::RLIMIT_AS,
        PosixRlimitType::RlimitLocks => Resource::RLIMIT_LOCKS,
        PosixRlimitType::RlimitSigpending => Resource::RLIMIT_SIGPENDING,
        PosixRlimitType::RlimitMsgqueue => Resource::RLIMIT_MSGQUEUE,
        PosixRlimitType::RlimitNice => Resource::RLIMIT_NICE,
        PosixRlimitType::RlimitRtprio => Resource::RLIMIT_RTPRIO,
        PosixRlimitType::RlimitRttime => Resource::RLIMIT_RTTIME,
    }
}
