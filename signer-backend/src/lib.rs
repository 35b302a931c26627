#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod body;
pub mod caller;
mod confirm;
mod cors;
mod credentials;
pub mod decision;
mod fields;
mod front;
mod gateway;
pub mod key;
mod limiter;
pub mod log;
mod operation;
pub mod own;
pub mod policy;
mod problem;
mod random;
mod sentence;
mod serve;
mod signer;
mod upstream;

pub use problem::Fault;
pub use serve::{Limits, serve};
pub use signer::{Signer, SignerBuilder};
