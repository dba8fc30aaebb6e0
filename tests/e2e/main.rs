//! End-to-end cases: what a user types, clicks and reads, on a real machine.

mod compose;
mod faults;
mod files;
mod images;
mod isolation;
mod lifecycle;
mod limits;
mod main_job;
mod networks;
mod orphans;
mod outside;
mod published;
mod recovery;
mod refusals;
mod registries;
mod settings;
mod streams;
mod user;
mod users;
mod welcome;
mod window;
