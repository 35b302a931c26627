#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod base;
mod call;
mod client;
mod error;
mod http;
mod jobs;
mod key;
mod pages;
mod rest;
mod retry;
mod upload;

pub use answer::Answer;
pub use base::{Base, BaseError};
pub use call::Call;
pub use client::{Builder, Client};
pub use error::{Error, JobError};
pub use jobs::Polling;
pub use key::{AgentKey, ApiKey, ApiKeyError};
pub use retry::Retry;
pub use upload::{
    Changes, Control, Credentials, Derivative, DerivativeStarted, DerivativeStatus, DirectUpload, FileOptions, FromUrl,
    FromUrlStarted, FromUrlStatus, ImageSource, MultipartStart, Outcome, Source, Upload, UploadCall, UploadError,
    UploadOptions, Uploaded, Uploader, UploaderBuilder, state_folder,
};
// What the engine tells of a file under way.
pub use updock_engine::{Cause, Command, Failure, FileKey, Remedy, Row, RowState, Store, Totals, WaitReason, Which};
