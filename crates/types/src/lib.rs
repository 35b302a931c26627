//! What goes over every wire, and nothing else: ids, objects of the Upload API and the REST API, the error
//! catalogue, the operation table, the upload policy, and the signer's own requests and answers.
//!
//! Nothing here does I/O, reads a clock or is async. It builds for wasm32 and natively, with no features.
//! Invariant: a value of one of these types has been checked; parse once, at the edge.
//!
//! ```
//! use updock_types::FileUuid;
//!
//! let file = FileUuid::parse("17be4678-dab7-4bc7-8753-28914a22960a").expect("a UUID");
//! assert_eq!(file.to_string(), "17be4678-dab7-4bc7-8753-28914a22960a");
//! ```
#![forbid(unsafe_code)]

mod content;
mod errors;
pub mod fields;
mod id;
mod name;
mod operation;
pub mod policy;
pub mod rest;
pub mod signer;
mod timestamp;
pub mod upload;

pub use content::{AudioStream, ColorMode, ContentInfo, GeoLocation, ImageInfo, MimeInfo, VideoInfo, VideoStream};
pub use errors::{ErrorCode, ErrorEnvelope, UploadApiError};
pub use id::{
    FileUuid, FileUuidError, GroupId, GroupIdError, MetadataKey, MetadataKeyError, MetadataValue, MetadataValueError,
    PublicKey, PublicKeyError,
};
pub use name::sanitised_name;
pub use operation::{Api, Area, Cost, Event, Level, Method, OPERATIONS, Operation, OperationId, Redaction, Repeat};
pub use timestamp::{Timestamp, TimestampError};
