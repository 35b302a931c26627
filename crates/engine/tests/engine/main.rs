//! The engine, tested in virtual time through its public interface.
#![forbid(unsafe_code)]

mod behaviour;
mod inputs;
mod journal;
mod links;
mod order;
mod promises;

use updock_engine::Which;

pub(crate) const MIB: u64 = 1024 * 1024;
/// For all files.
pub(crate) const ALL: Which = Which::All;
