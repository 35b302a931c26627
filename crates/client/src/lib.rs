#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod base;
mod call;
mod client;
mod error;

pub use base::{Base, BaseError};
pub use call::Call;
pub use client::{Answer, Builder, Client};
pub use error::Error;
