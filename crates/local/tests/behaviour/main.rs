//! The stand-in over real sockets, held against the protocol: one module a subject.
//! Names of cases follow the conformance lists of the protocol documents.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "the helpers of tests unwrap as tests do")]

mod bad_input;
mod cdn;
mod client;
mod crash;
mod faults;
mod groups;
mod memory;
mod multipart;
mod rest_api;
mod signed_uploads;
mod transport;
mod uploads;
