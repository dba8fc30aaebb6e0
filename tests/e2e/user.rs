//! Someone with one of the two command lines. The cases add what they do with it.

use berth_tests::{Home, Ran, run};
use std::process::Command;

pub(crate) struct User<'a> {
    pub(crate) home: &'a Home,
    /// An image that is there to be run.
    pub(crate) image: &'a str,
    /// Of the command line.
    pub(crate) name: &'static str,
    command: fn(&Home, &[&str]) -> Command,
}

impl<'a> User<'a> {
    /// One with the docker CLI, and one with `berth`.
    pub(crate) fn both(home: &'a Home, image: &'a str) -> [Self; 2] {
        [("docker", Home::docker_command as fn(&Home, &[&str]) -> Command), ("berth", Home::berth_command)]
            .map(|(name, command)| Self { home, image, name, command })
    }

    /// A command, to be started by the case.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        (self.command)(self.home, arguments)
    }

    /// Runs a command.
    pub(crate) fn asks(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// Runs a command of words without spaces in them, which must succeed; its output.
    pub(crate) fn ok(&self, line: &str) -> String {
        self.asks(&line.split(' ').collect::<Vec<_>>()).ok().to_owned()
    }
}
