//! The signer over real sockets, in front of `updock-local`. Nothing here reaches beyond this machine, and nothing
//! waits longer than it must.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

mod access;
mod canary;
mod chain;
mod command;
mod confirm;
mod crash;
mod credentials;
mod doctor;
mod door;
mod fuzz;
mod grants;
mod guide;
mod hooks;
mod http_client;
mod init;
mod instances;
mod keeping;
mod key_ends;
mod key_lines;
mod keys;
mod lists;
mod matrix;
mod nested;
mod openapi;
#[cfg(feature = "otel")]
mod otel;
mod pace;
mod policy_agents;
mod policy_asked;
mod policy_file;
mod postgres;
mod process;
mod queries;
mod refusing;
mod reload;
mod repeated;
mod soak;
mod stage;
mod state;
mod strangers;
mod threats;
mod tokens;
mod visitors;
