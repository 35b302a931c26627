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
mod options;
mod pace;
mod parts;
mod queue;
mod requests;
mod row;
#[cfg(feature = "simulator")]
pub mod simulator;
mod story;
mod time;

/// Is there also what some drivers have no interface for? A constant, so that without the feature the compiler leaves out
/// whatever hangs on it, and types stay the same.
const FULL: bool = cfg!(feature = "full");

pub use action::{Action, Body, Expect, FormField, FormValue, Hears, Journal, Request, RequestId, Secret};
pub use answer::{Answer, Reply, ServerRefusal, read_reply};
pub use config::{Config, CredentialSource, Pacing, Start, Store, WhenDone};
pub use engine::{Engine, Group};
pub use input::{Command, Digest, Fingerprint, Input, Network, NewFile, NewUrl, Reach, Recovered, Which};
pub use options::FileOptions;
pub use row::{Cause, Failure, FileKey, Mismatch, Need, Remedy, Row, RowState, Snapshot, Stir, Totals, WaitReason};
pub use story::{Errand, Event, Moment, Story};
pub use time::Millis;
