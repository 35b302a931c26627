//! The engine, tested in virtual time through its public interface.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests, where a panic is the failure")]

mod behaviour;
mod promises;
mod sim;
