#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod action;
mod answer;
mod backoff;
mod broker;
mod config;
mod engine;
mod file;
mod input;
mod judge;
mod parts;
mod requests;
mod row;
#[cfg(feature = "simulator")]
pub mod simulator;
mod time;

pub use action::{Action, Body, Expect, FormField, FormValue, Request, RequestId, Secret};
pub use answer::{Answer, Reply, ServerRefusal, read_reply};
pub use config::{Config, CredentialSource, Start, Store};
pub use engine::Engine;
pub use input::{Command, Input, Network, NewFile, Which};
pub use row::{Cause, Failure, FileKey, Remedy, Row, RowState, Snapshot, Totals, WaitReason};
pub use time::Millis;
