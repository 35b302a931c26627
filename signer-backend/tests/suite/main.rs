//! The signer over real sockets, in front of `updock-local`. Nothing here reaches beyond this machine, and nothing
//! waits longer than it must.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should end where it stands")]

mod access;
mod canary;
mod confirm;
mod credentials;
mod door;
mod http_client;
mod matrix;
mod policy_file;
mod process;
mod stage;
mod visitors;
