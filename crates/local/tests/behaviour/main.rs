//! The stand-in over real sockets, held against the protocol: one module a subject.
//! Names of cases follow the conformance lists of the protocol documents.
#![forbid(unsafe_code)]

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
