//! PID 1 of the guest: mounts, modules, disk, network; starts the engine and keeps it alive; reaps what others leave
//! behind; powers off in order. It never panics and never exits: the kernel would take the machine down with it. A step
//! that fails is said on the console and stays readable over the control port.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod background;
mod boot;
mod cgroups;
mod children;
mod clock;
mod console;
mod control;
mod disk;
mod launch;
mod modules;
mod mounts;
mod root;
mod settings;
mod shutdown;
mod steps;
mod supervise;
mod uplink;

use children::Children;
use std::sync::Arc;
use std::time::Duration;

fn main() {
    if std::process::id() != 1 {
        console::say("this is the guest's PID 1, nothing to run by hand");
        std::process::exit(2);
    }
    let started = clock::since_kernel_start();
    let children = Arc::new(Children::default());
    let boot = boot::Boot::new(started, Arc::clone(&children));
    if let Err(error) = std::thread::Builder::new().name("boot".into()).spawn(move || boot.run()) {
        console::say(&format!("no thread can be started ({error}); give the machine more memory"));
    }
    // This thread is the only one that waits for processes, and it has nothing else to do.
    loop {
        children.reap_one();
        if children.is_broken() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
