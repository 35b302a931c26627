//! Where an API is served: scheme and authority, nothing else.
//!
//! A path in a base address would have to be signed and rewritten everywhere; nobody needs one, so none is taken.

use http::Uri;
use http::uri::{Authority, Scheme};
use std::fmt;
use std::net::IpAddr;

/// `https://api.uploadcare.com/`: the address of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    scheme: Scheme,
    authority: Authority,
}

/// Why a text is no [`Base`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// Not an absolute `http` or `https` URL.
    #[error("expected an address like https://api.uploadcare.com/")]
    NotAnAddress,
    /// There is more than scheme, host and port.
    #[error("expected only scheme, host and port, like https://api.uploadcare.com/, without user, path or query")]
    TooMuch,
}

impl Base {
    /// Where Uploadcare serves the REST API.
    pub fn uploadcare_rest() -> Self {
        Self { scheme: Scheme::HTTPS, authority: Authority::from_static("api.uploadcare.com") }
    }

    /// Where Uploadcare serves the Upload API.
    pub fn uploadcare_upload() -> Self {
        Self { scheme: Scheme::HTTPS, authority: Authority::from_static("upload.uploadcare.com") }
    }

    /// The address without a final slash.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Reads an address; the final slash may be left out.
    pub fn parse(text: &str) -> Result<Self, BaseError> {
        let parts = text.parse::<Uri>().map_err(|_| BaseError::NotAnAddress)?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(BaseError::NotAnAddress);
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS || authority.host().is_empty() {
            return Err(BaseError::NotAnAddress);
        }
        let bare = parts.path_and_query.is_none_or(|rest| rest.as_str() == "/");
        if !bare || authority.as_str().contains('@') || text.contains('#') {
            return Err(BaseError::TooMuch);
        }
        Ok(Self { scheme, authority })
    }

    /// Can nobody on the way read along? True for `https`, and for plain `http` that stays on this machine.
    pub fn is_private(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        self.scheme == Scheme::HTTPS
            || host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The address of `target` (path and query, taken as it is).
    pub(crate) fn uri(&self, target: &str) -> Result<Uri, http::Error> {
        Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(target).build()
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/", self.scheme, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_scheme_host_and_port() {
        for (text, shown, private) in [
            ("https://api.uploadcare.com", "https://api.uploadcare.com/", true),
            ("https://api.uploadcare.com/", "https://api.uploadcare.com/", true),
            ("http://127.0.0.1:3000/", "http://127.0.0.1:3000/", true),
            ("http://[::1]:3000", "http://[::1]:3000/", true),
            ("http://localhost:3000", "http://localhost:3000/", true),
            ("http://api.example.com/", "http://api.example.com/", false),
        ] {
            let base = Base::parse(text).unwrap();
            assert_eq!((base.to_string().as_str(), base.is_private()), (shown, private), "{text}");
        }
        for text in ["", "api.uploadcare.com", "ftp://a/", "/x", "http:///x", "not a url"] {
            assert_eq!(Base::parse(text), Err(BaseError::NotAnAddress), "{text}");
        }
        for text in ["https://a/x", "https://a/?x", "https://u:p@a/", "https://a/#x"] {
            assert_eq!(Base::parse(text), Err(BaseError::TooMuch), "{text}");
        }
    }
}
