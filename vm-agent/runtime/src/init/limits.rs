//! Resource limits of the container's process.

use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit, setrlimit},
    unistd::Pid,
};
use oci_spec::runtime::{PosixRlimit, PosixRlimitType};

use crate::{
    failure::{Context, Failure},
    kernel::process::set_limits_of,
};

/// Raises the hard limits of the child `pid` to those of `limits`: in a user namespace of its own it could not.
///
/// # Errors
/// A hard limit above the inherited one where this process lacks `CAP_SYS_RESOURCE`, and one above what the kernel has
/// (`fs.nr_open`).
pub(crate) fn raise(limits: &[PosixRlimit], pid: Pid) -> Result<(), Failure> {
    for limit in limits {
        let (kind, hard, resource) = (limit.typ(), limit.hard(), resource(limit.typ()));
        let (soft, inherited) = getrlimit(resource).context(format_args!("limit {kind}"))?;
        if hard <= inherited {
            continue;
        }
        match set_limits_of(pid, resource, soft, hard) {
            Err(Errno::EPERM) => {
                let most = format!("limit {kind}: {hard} is more than may be given here; ask for {inherited} or less");
                return Err(Failure::other(most));
            }
            result => result.context(format_args!("limit {kind}"))?,
        }
    }
    Ok(())
}

/// Sets `limits` for this process and what it executes; its hard limits are high enough.
///
/// # Errors
/// A soft limit above its hard one.
pub(super) fn apply(limits: &[PosixRlimit]) -> Result<(), Failure> {
    for limit in limits {
        setrlimit(resource(limit.typ()), limit.soft(), limit.hard()).context(format_args!("limit {}", limit.typ()))?;
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
