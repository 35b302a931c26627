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
mod conformance_rest;
mod conformance_upload;
mod content;
mod conversion;
mod copies;
mod crash;
mod derivatives;
mod disk;
mod expiry;
mod faults;
mod from_url;
mod groups;
mod groups_rest;
mod memory;
mod metadata;
mod multipart;
mod outside;
mod page;
mod process;
mod rest_api;
mod search;
mod signed_uploads;
mod tags;
mod throttle;
mod transport;
mod uploads;
mod webhooks;
