//! Upload credentials: the signature pair and the token, where the project wants one.
//! Source: Upload API, Authentication.

use super::{Failure, form::Params};
use crate::{app::App, store::Charge};
use http::{header, request::Parts};
use updock_sign::{TokenError, UploadSignatureError, token_fingerprint, verify_token, verify_upload_signature};
use updock_types::{ErrorCode, UploadApiError};

/// How much an endpoint asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// A credential must be there, good for so many uploads more.
    Uploads(usize),
    /// Older SDKs send none here; one that is sent is checked.
    Nothing,
}

/// Checks what the request brought against what `endpoint` asks. What is to be booked comes back.
pub(super) async fn check(
    app: &App,
    parts: &Parts,
    params: &Params,
    endpoint: &str,
    demand: Demand,
) -> Result<Option<Charge>, Failure> {
    super::check_standing(app)?;
    let config = &app.config;
    if !config.signed_uploads {
        return Ok(None); // then the service looks at none of it
    }
    let now = u64::try_from(crate::store::now().as_seconds()).unwrap_or_default();
    let signature = params.get("signature");
    let authorization = parts.headers.get(header::AUTHORIZATION);
    if signature.is_some() || (authorization.is_none() && demand != Demand::Nothing) {
        // A signature alone is checked where both are given.
        let pair = verify_upload_signature(&config.secret_keys, signature, params.get("expire"), now);
        return pair.map(|()| None).map_err(|error| signature_refused(error).into());
    }
    if authorization.is_none() {
        return Ok(None);
    }
    check_token(app, parts, endpoint, demand).await
}

/// Checks the token that an image derivative must bring, where the project wants one; a signature does not count.
pub(super) async fn check_derivative(app: &App, parts: &Parts, endpoint: &str) -> Result<Option<Charge>, Failure> {
    super::check_standing(app)?;
    if !app.config.signed_derivatives {
        return Ok(None);
    }
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        return Err(ErrorCode::SignatureRequiredError.error(&[]).into());
    }
    check_token(app, parts, endpoint, Demand::Uploads(1)).await
}

async fn check_token(app: &App, parts: &Parts, endpoint: &str, demand: Demand) -> Result<Option<Charge>, Failure> {
    let now = u64::try_from(crate::store::now().as_seconds()).unwrap_or_default();
    let authorization = parts.headers.get(header::AUTHORIZATION);
    let Some(token) = authorization.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ")) else {
        let error = ErrorCode::AccessTokenInvalidError.error(&[]);
        return Err(UploadApiError { content: "Invalid Authorization header format.".to_owned(), ..error }.into());
    };
    let verified = verify_token(&app.config.secret_keys, token.trim(), Some(endpoint), now)
        .map_err(|error| token_refused(&error))?;
    let charge = verified.operations().map(|limit| Charge {
        fingerprint: token_fingerprint(token.trim()),
        limit,
        expires_at: verified.claims.exp,
    });
    if let (Some(charge), Demand::Uploads(count)) = (&charge, demand)
        && count > 0
        && !app.store.affords(charge, count).await?
    {
        return Err(ErrorCode::OperationsLimitExceededError.error(&[]).into());
    }
    Ok(charge)
}

fn signature_refused(error: UploadSignatureError) -> UploadApiError {
    match error {
        UploadSignatureError::SignatureRequired => ErrorCode::SignatureRequiredError,
        UploadSignatureError::ExpireRequired => ErrorCode::SignatureExpirationRequiredError,
        UploadSignatureError::ExpireInvalid => ErrorCode::SignatureExpirationInvalidError,
        UploadSignatureError::Expired => ErrorCode::SignatureExpirationError,
        UploadSignatureError::Mismatch => ErrorCode::SignatureInvalidError,
    }
    .error(&[])
}

fn token_refused(error: &TokenError) -> UploadApiError {
    match error {
        TokenError::Invalid(reason) => ErrorCode::AccessTokenInvalidError.error(&[reason]),
        TokenError::Expired => ErrorCode::AccessTokenExpiredError.error(&[]),
        TokenError::OutOfScope => ErrorCode::ScopeForbiddenError.error(&[]),
    }
}
