//! The stand-in over real sockets, held against the protocol: one module a subject.
//! Names of cases follow the conformance lists of the protocol documents.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "the helpers of tests unwrap as tests do")]

mod addons;
mod bad_input;
mod batches;
mod cdn;
mod cdn_images;
mod client;
mod conversion;
mod conformance_rest;
mod copies;
mod crash;
mod derivatives;
mod faults;
mod groups;
mod groups_rest;
mod memory;
mod metadata;
mod multipart;
mod outside;
mod rest_api;
mod search;
mod signed_uploads;
mod tags;
mod transport;
mod uploads;
mod webhooks;
