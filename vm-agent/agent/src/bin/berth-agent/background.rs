//! Work that may wait.
#![expect(unsafe_code, reason = "setpriority has no safe wrapper in nix")]

/// The lowest share of the processor there is (sched(7)).
const LOWEST: libc::c_int = 19;

/// Puts the calling thread behind everyone else; with nobody else it is as fast as before. On Linux the niceness
/// belongs to a thread (setpriority(2), "C library/kernel differences").
pub(crate) fn step_back() -> std::io::Result<()> {
    // SAFETY: the call takes three numbers and touches no memory; 0 is the calling thread.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LOWEST) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field 19 of the thread's `stat` is its niceness (proc(5)); the name in field 2 ends with the last parenthesis.
    fn niceness() -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, rest) = stat.rsplit_once(')').unwrap();
        rest.split_whitespace().nth(16).unwrap().to_owned()
    }

    #[test]
    fn only_the_calling_thread_steps_back() {
        let before = niceness();
        let inside = std::thread::spawn(|| step_back().map(|()| niceness()).unwrap()).join().unwrap();
        assert_eq!(inside, "19");
        assert_eq!(niceness(), before);
    }
}
