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
mod journal;
mod judge;
mod pace;
mod parts;
mod queue;
mod requests;
mod row;
#[cfg(feature = "simulator")]
pub mod simulator;
mod time;

pub use action::{Action, Body, Expect, FormField, FormValue, Journal, Request, RequestId, Secret};
pub use answer::{Answer, Reply, ServerRefusal, read_reply};
pub use config::{Config, CredentialSource, Pacing, Start, Store};
pub use engine::Engine;
pub use input::{Command, Digest, Fingerprint, Input, Network, NewFile, Reach, Recovered, Which};
pub use row::{Cause, Failure, FileKey, Mismatch, Need, Remedy, Row, RowState, Snapshot, Totals, WaitReason};
pub use time::Millis;
