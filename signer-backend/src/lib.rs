#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod audit;
mod body;
pub mod caller;
pub mod cli;
mod clock;
mod confirm;
mod cors;
mod credentials;
pub mod decision;
pub mod doctor;
mod fields;
mod front;
mod gateway;
mod idempotency;
pub mod init;
mod jobs;
pub mod key;
pub mod keys;
mod limiter;
mod limits;
mod listing;
mod live;
pub mod log;
pub mod metrics;
mod openapi;
mod operation;
#[cfg(feature = "otel")]
pub mod otel;
pub mod own;
mod pacer;
mod patience;
mod peers;
pub mod policy;
pub mod private;
mod problem;
mod query;
mod random;
pub mod receipt;
pub mod reload;
mod sending;
mod sentence;
mod serve;
mod signer;
pub mod signing;
pub mod state;
mod strangers;
mod taken;
pub mod tokens;
mod upstream;
pub mod webhooks;

pub use live::Unchangeable;
pub use peers::PerPeer;
pub use problem::Fault;
pub use serve::{Limits, serve};
pub use signer::{Signer, SignerBuilder};
