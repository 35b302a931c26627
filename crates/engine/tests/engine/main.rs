//! The engine, tested in virtual time through its public interface.
#![forbid(unsafe_code)]

mod batches;
mod behaviour;
mod fetches;
mod inputs;
mod journal;
mod links;
mod lists;
mod order;
mod promises;
mod requests;
mod signing;
mod stories;
mod waits;

use updock_engine::Which;

pub(crate) const MIB: u64 = 1024 * 1024;
/// For all files.
pub(crate) const ALL: Which = Which::All;
