#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod date;
mod key;
mod rest;
mod token;
mod upload;
mod webhook;

pub use date::{DATE_WINDOW_SECONDS, http_date, parse_http_date};
pub use key::{SecretKey, SecretKeyError};
pub use rest::{RestRequest, body_md5, rest_signature, verify_rest_signature};
pub use token::{
    LEEWAY_SECONDS, Limits, Restrictions, ScopeItem, ScopeItemError, TokenClaims, TokenError, Uploads, VerifiedToken,
    mint_token, token_fingerprint, verify_token,
};
pub use upload::{UploadSignatureError, upload_signature, verify_upload_signature};
pub use webhook::{WEBHOOK_HEADER, verify_webhook_signature, webhook_signature};

/// Exactly `N` bytes from lower-case hexadecimal digits; upper case and every other length are refused.
fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let read = base16ct::lower::decode(text, &mut bytes).ok()?;
    (read.len() == N).then_some(bytes)
}
