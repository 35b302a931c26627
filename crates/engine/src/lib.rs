//! The upload engine: a pure state machine. Time, answers and people's commands come in; requests to send come out.
//! It has no I/O, clock or randomness of its own: same seed and same inputs give the same actions, always.
//!
//! A *driver* (the browser's in `web`, a native one in `updock-client`, a simulator in tests) does what the engine asks:
//!
//! 1. [`Engine::handle`] an [`Input`] at a time `now`;
//! 2. drain [`Engine::poll`] and perform each [`Action`];
//! 3. sleep until [`Engine::deadline`], then handle [`Input::Tick`]; or until something happens.
//! 4. Show [`Engine::take_changes`] and [`Engine::totals`], or a whole [`Engine::snapshot`].
//!
//! Invariants: a file reported done is on the server with the size that was sent; every file reaches a final state in
//! bounded attempts; progress never falls; no more requests are in flight than the budget allows; after a cancel or
//! remove nothing is sent for that file.
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
mod time;

pub use action::{Action, Body, Expect, FormField, FormValue, Request, RequestId, Secret};
pub use answer::{Answer, Reply, ServerRefusal, read_reply};
pub use config::{Config, CredentialSource, Start, Store};
pub use engine::Engine;
pub use input::{Command, Input, Network, NewFile, Which};
pub use row::{Cause, Failure, FileKey, Remedy, Row, RowState, Snapshot, Totals, WaitReason};
pub use time::Millis;
