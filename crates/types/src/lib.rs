#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod content;
mod conversion;
mod errors;
pub mod fields;
mod id;
mod name;
pub mod net;
mod operation;
pub mod pieces;
pub mod policy;
pub mod rest;
pub mod signer;
mod timestamp;
pub mod upload;

pub use content::{AudioStream, ColorMode, ContentInfo, GeoLocation, ImageInfo, MimeInfo, VideoInfo, VideoStream};
pub use conversion::{
    ClipTime, ConversionPath, ConversionPathError, ConversionTarget, Cut, DocumentTarget, ResizeMode, Thumbs,
    VideoFormat, VideoQuality, VideoSize, VideoTarget,
};
pub use errors::{ErrorCode, ErrorEnvelope, UploadApiError};
pub use id::{
    AddonRequestId, AddonRequestIdError, ConversionToken, FileUuid, FileUuidError, GroupId, GroupIdError, MetadataKey,
    MetadataKeyError, MetadataValue, MetadataValueError, NumberError, PublicKey, PublicKeyError, Tag, TagError,
    WebhookId,
};
pub use name::sanitised_name;
pub use operation::{Api, Area, Cost, Event, Level, Method, OPERATIONS, Operation, OperationId, Redaction, Repeat};
pub use timestamp::{Timestamp, TimestampError};
