//! The error catalogue of the Upload API: every code, its status and its sentence, once.
//!
//! Source: Upload API, Errors. Texts are literal, with their missing capitals and typos. The set is open: a client
//! must cope with a code that is not here, so it keeps what it read as text and asks [`ErrorCode::name`].

use serde::{Deserialize, Serialize};

macro_rules! catalogue {
    ($($code:ident $status:literal $content:literal;)*) => {
        /// A code of the catalogue. `%s` and `%d` in its sentence are filled in by [`ErrorCode::error`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each code's sentence stands beside it in the catalogue")]
        pub enum ErrorCode { $($code,)* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The code as it travels, e.g. `FileNotFoundError`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// The HTTP status of the plain-text form.
            pub const fn status(self) -> u16 {
                match self { $(Self::$code => $status,)* }
            }

            /// The sentence, with its placeholders.
            pub const fn template(self) -> &'static str {
                match self { $(Self::$code => $content,)* }
            }
        }
    };
}

catalogue! {
    AccessTokenExpiredError 401 "Expired token.";
    AccessTokenInvalidError 401 "Invalid token. Reason: %s";
    ScopeForbiddenError 403 "`uc.restrictions.scope` does not allow this endpoint.";
    OperationsLimitExceededError 403 "The operation limit of the token is exhausted.";
    AccountBlockedError 403 "Account has been blocked.";
    AccountLimitsExceededError 403 "Account has reached its limits.";
    AccountUnpaidError 403 "Account has been blocked for non payment.";
    AutostoreDisabledError 403 "Autostore is disabled.";
    BaseViewsError 400 "Request processing failed.";
    FileMetadataKeyDuplicatedError 400 "File's metadata key `%s` has a duplicate.";
    FileMetadataKeyEmptyError 400 "File's metadata key can not be empty.";
    FileMetadataKeyForbiddenError 400 "File's metadata key `%s` contains symbols not allowed by the metadata key format.";
    FileMetadataKeyLengthTooBigError 400 "Length of file metadata key `%s` can not be more than %d symbols.";
    FileMetadataKeysNumberTooBigError 400 "A file can not have more than %d metadata keys.";
    FileMetadataValueEmptyError 400 "Value of the file metadata key `%s` can not be empty.";
    FileMetadataValueForbiddenError 400 "Value of file metadata key `%s` contains symbols not allowed by the metadata value format.";
    FileMetadataValueLengthTooBigError 400 "Value of file metadata's key `%s` can not be more than %d symbols in length.";
    FileSizeLimitExceededError 400 "File is too large.";
    MethodNotAllowedError 405 "HTTP method %s is not allowed for %s";
    NullCharactersForbiddenError 400 "Null characters are not allowed.";
    PostRequestParserFailedError 400 "HTTP POST request parsing failed.";
    ProjectPublicKeyInvalidError 403 "%s is invalid.";
    ProjectPublicKeyRemovedError 403 "Project %s is marked as removed.";
    ProjectPublicKeyRequiredError 403 "%s is required.";
    RequestFileNumberLimitExceededError 400 "The request contains too many files.";
    RequestFiledsNumberLimitExceededError 400 "The request contains too many HTTP POST fields.";
    RequestSizeLimitExceededError 413 "The size of the request is too large.";
    RequestThrottledError 429 "Request was throttled.";
    SignatureExpirationError 403 "Expired signature.";
    SignatureExpirationInvalidError 400 "`expire` must be a UNIX timestamp.";
    SignatureExpirationRequiredError 400 "`expire` is required.";
    SignatureInvalidError 403 "Invalid signature.";
    SignatureRequiredError 400 "`signature` is required.";
    UploadAPIError 500 "Internal error.";
    UploadFailedError 403 "Upload failed.";
    DownloadFileError 500 "Failed to download the file.";
    DownloadFileHTTPClientError 500 "HTTP client error: %s.";
    DownloadFileHTTPNetworkError 500 "HTTP network error: %s.";
    DownloadFileHTTPServerError 500 "HTTP server error: %s.";
    DownloadFileHTTPURLValidationError 500 "HTTP URL validation error: %s.";
    DownloadFileInternalServerError 500 "Internal server error.";
    DownloadFileNotFoundError 500 "downloaded file not found.";
    DownloadFileSizeLimitExceededError 500 "Downloaded file is too big: %s > %s.";
    DownloadFileTaskFailedError 500 "download task failed.";
    DownloadFileTimeLimitExceededError 500 "Failed to download the file within the allotted time limit of %s seconds.";
    DownloadFileValidationFailedError 500 "File validation error: %s";
    FileIdInvalidError 400 "file_id is invalid.";
    FileIdNotUniqueError 400 "File id must be unique.";
    FileIdRequiredError 400 "file_id is required.";
    FileNotFoundError 404 "File is not found.";
    FileRequiredError 400 "There should be a file.";
    FilesNumberLimitExceededError 400 "There are too many files.";
    FilesRequiredError 400 "Request does not contain files.";
    InternalRequestForbiddenError 403 "Forbidden request.";
    InternalRequestInvalidError 400 "Incorrect request.";
    MultipartFileAlreadyUploadedError 400 "File is already uploaded.";
    MultipartFileCompletionFailedError 400 "Can not complete upload. Wrong parts size?";
    MultipartFileIdRequiredError 400 "uuid is required.";
    MultipartFileNotFoundError 404 "File is not found.";
    MultipartFileSizeLimitExceededError 400 "File size exceeds project limit.";
    MultipartFileSizeTooSmallError 400 "File size can not be less than %d bytes. Please use direct upload instead of multipart.";
    MultipartPartSizeInvalidError 400 "Multipart Upload Part Size should be an integer.";
    MultipartPartSizeTooBigError 400 "Multipart Upload Part Size can not be more than %d bytes.";
    MultipartPartSizeTooSmallError 400 "Multipart Upload Part Size can not be less than %d bytes.";
    MultipartSizeInvalidError 400 "size should be integer.";
    MultipartUploadSizeTooLargeError 400 "Uploaded size is more than expected.";
    MultipartUploadSizeTooSmallError 400 "File size mismatch. Not all parts uploaded?";
    RequestParamRequiredError 400 "%s is required.";
    SourceURLRequiredError 400 "source_url is required.";
    TokenRequiredError 400 "token is required.";
    UUIDInvalidError 400 "uuid is invalid.";
    UploadViewsError 400 "Upload request processing failed.";
    UploadcareFileIdDuplicatedError 400 "UPLOADCARE_FILE_ID is duplicated. You are probably a lottery winner.";
    UploadcareFileIdInvalidError 400 "UPLOADCARE_FILE_ID should be a valid UUID.";
    UploadcareFileIdRequiredError 400 "UPLOADCARE_FILE_ID is required.";
    GroupFileURLParsingFailedError 400 "This is not valid file url: %s.";
    GroupFilesInvalidError 400 "No files[N] parameters found.";
    GroupFilesNotFoundError 400 "Some files not found.";
    GroupIdRequiredError 400 "group_id is required.";
    GroupNotFoundError 404 "group_id is invalid.";
    GroupViewsError 400 "Request to group processing failed.";
    SVGValidationFailedError 400 "SVG validation failed: %s.";
    SVGMaliciousContentError 400 "SVG contains malicious content: %s.";
    FileInfectedError 400 "The file is infected by %s virus.";
    FileTypeForbiddenError 400 "Uploading of these file types is not allowed.";
    HostnameNotFoundError 400 "Host does not exist.";
    URLBlacklistedError 400 "Source is blacklisted.";
    URLHostMalformedError 400 "URL host is malformed.";
    URLHostPrivateIPForbiddenError 400 "Only public IPs are allowed.";
    URLHostRequiredError 400 "No URL host supplied.";
    URLParsingFailedError 400 "Failed to parse URL.";
    URLRedirectsLimitExceededError 400 "Too many redirects.";
    URLSchemeInvalidError 400 "Invalid URL scheme.";
    URLSchemeRequiredError 400 "No URL scheme supplied.";
    URLValidationError 400 "Failed to validate URL.";
}

impl ErrorCode {
    /// The error with its placeholders filled from `args`, in order; a placeholder without argument stays.
    pub fn error(self, args: &[&str]) -> UploadApiError {
        let mut content = String::new();
        let mut rest = self.template();
        for arg in args {
            let Some(at) = rest.find("%s").into_iter().chain(rest.find("%d")).min() else { break };
            content.push_str(&rest[..at]);
            content.push_str(arg);
            rest = &rest[at + 2..];
        }
        content.push_str(rest);
        UploadApiError { status_code: self.status(), content, error_code: self.name().to_owned() }
    }
}

/// An error of the Upload API. With `jsonerrors` it travels as `{"error": {...}}` under HTTP 200; without, as plain
/// text (only the sentence) under its own status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadApiError {
    /// The status of the plain-text form.
    pub status_code: u16,
    /// One English sentence.
    pub content: String,
    /// A name of the catalogue, or one we do not know yet.
    pub error_code: String,
}

impl UploadApiError {
    /// Is it this error?
    pub fn is(&self, code: ErrorCode) -> bool {
        self.error_code == code.name()
    }
}

/// The JSON form of an [`UploadApiError`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorEnvelope {
    /// The error inside.
    pub error: UploadApiError,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_order() {
        for (code, args, expected) in [
            (ErrorCode::ProjectPublicKeyRequiredError, &["pub_key"][..], "pub_key is required."),
            (ErrorCode::MethodNotAllowedError, &["GET", "/base/"], "HTTP method GET is not allowed for /base/"),
            (
                ErrorCode::FileMetadataKeyLengthTooBigError,
                &["k%s", "64"],
                "Length of file metadata key `k%s` can not be more than 64 symbols.",
            ),
            (ErrorCode::FilesRequiredError, &[], "Request does not contain files."),
        ] {
            assert_eq!(code.error(args).content, expected);
        }
    }

    #[test]
    fn names_are_unique_and_statuses_are_errors() {
        let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.iter().all(|code| (400..=599).contains(&code.status())));
    }
}
