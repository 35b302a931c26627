//! The REST signature: HMAC-SHA1 over five lines. Source: REST API v0.7, Authentication.

use crate::{SecretKey, read_hex};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

/// What the signature covers; every text exactly as it stands on the wire.
#[derive(Debug, Clone, Copy)]
pub struct RestRequest<'a> {
    /// Upper case.
    pub method: &'a str,
    /// Lower-case MD5 of the body, see [`body_md5`].
    pub body_md5: &'a str,
    /// The `Content-Type` header; empty when absent.
    pub content_type: &'a str,
    /// The `Date` (or `X-Uploadcare-Date`) header.
    pub date: &'a str,
    /// Path and query, percent-encoding untouched.
    pub target: &'a str,
}

/// Lower-case MD5 of a request's body.
pub fn body_md5(body: &[u8]) -> String {
    base16ct::lower::encode_string(&Md5::digest(body))
}

fn mac(key: &SecretKey, request: &RestRequest<'_>) -> Hmac<Sha1> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.bytes()).expect("HMAC takes a key of any length");
    let lines = [request.method, request.body_md5, request.content_type, request.date, request.target];
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            mac.update(b"\n");
        }
        mac.update(line.as_bytes());
    }
    mac
}

/// The signature: 40 lower-case hexadecimal digits, for `Authorization: Uploadcare <public key>:<signature>`.
pub fn rest_signature(key: &SecretKey, request: &RestRequest<'_>) -> String {
    base16ct::lower::encode_string(&mac(key, request).finalize().into_bytes())
}

/// Is `given` the signature of `request` under one of `keys`? In constant time. The date's window is the caller's to
/// check, with [`crate::parse_http_date`].
pub fn verify_rest_signature(keys: &[SecretKey], request: &RestRequest<'_>, given: &str) -> bool {
    let Some(given) = read_hex::<20>(given) else { return false };
    keys.iter().fold(false, |good, key| mac(key, request).verify_slice(&given).is_ok() | good)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secret, method, content type, date, target, body, MD5, signature: published and recorded vectors.
    const VECTORS: &[[&str; 8]] = &[
        [
            "YOUR_SECRET_KEY",
            "DELETE",
            "application/json",
            "Mon, 23 Nov 2026 09:14:07 GMT",
            "/files/storage/",
            "[\"21975c81-7f57-4c7a-aef9-acfe28779f78\"]",
            "36e90e909111d8c5b9752458603aeec7",
            "93446cd3f9298c27d0d68cf8d4744e953524ea4e",
        ],
        [
            "demoprivatekey",
            "GET",
            "application/json",
            "Mon, 05 Nov 2018 13:14:41 GMT",
            "/files/?limit=1&stored=true",
            "",
            "d41d8cd98f00b204e9800998ecf8427e",
            "3cbc4d2cf91f80c1ba162b926f8a975e8bec7995",
        ],
        [
            "demosecretkey",
            "GET",
            "application/json",
            "Mon, 23 Nov 2026 09:14:07 GMT",
            "/files/?from=2026-11-01T00%3A00%3A00%2B00%3A00&limit=2&ordering=-datetime_uploaded",
            "",
            "d41d8cd98f00b204e9800998ecf8427e",
            "71abbdbda10824e24fdc4842944b49a5eb09e072",
        ],
        [
            "demosecretkey",
            "GET",
            "application/json",
            "Mon, 23 Nov 2026, 09:14:07 GMT",
            "/project/",
            "",
            "d41d8cd98f00b204e9800998ecf8427e",
            "705d5e7b653e57e4339a916955690118c105db1d",
        ],
        [
            "demosecretkey",
            "GET",
            "application/json",
            "Mon, 23 Nov 2026 09:14:07 GMT",
            "/project/",
            "",
            "d41d8cd98f00b204e9800998ecf8427e",
            "875c71e284a87aae7aee8f05d4eda95fcdb2dc50",
        ],
        [
            "demosecretkey",
            "POST",
            "application/x-www-form-urlencoded",
            "Mon, 23 Nov 2026 09:14:07 GMT",
            "/webhooks/",
            "target_url=https%3A%2F%2Fexample.com%2Fhook&event=file.uploaded&is_active=true",
            "0ac13ceaf57bb711b2d4856b5c23355e",
            "0654643390b36a9e31c7897385608d5239baef0a",
        ],
        [
            "demosecretkey",
            "PUT",
            "application/json",
            "Mon, 23 Nov 2026 09:14:07 GMT",
            "/files/21975c81-7f57-4c7a-aef9-acfe28779f78/metadata/-:45az_/",
            "\"any string\"",
            "07b567dfa7846bd11012a764bc5c8f43",
            "4f64a6c71a2a77333331542b14d6e871a1aa0cc6",
        ],
        [
            "demosecretkey",
            "DELETE",
            "application/json",
            "Mon, 23 Nov 2026 09:14:07 GMT",
            "/groups/badfc9f7-f88f-4921-9cc0-22e2c08aa2da~12/",
            "",
            "d41d8cd98f00b204e9800998ecf8427e",
            "b011032e6208ffca80d7ae7f2a9762c10d1e3d6a",
        ],
    ];

    #[test]
    fn published_vectors_are_made_and_verified() {
        for [secret, method, content_type, date, target, body, md5, signature] in VECTORS {
            let key = SecretKey::parse(secret).unwrap();
            assert_eq!(body_md5(body.as_bytes()), *md5);
            let request = RestRequest { method, body_md5: md5, content_type, date, target };
            assert_eq!(rest_signature(&key, &request), *signature, "{method} {target}");
            let other = SecretKey::parse("another key").unwrap();
            assert!(verify_rest_signature(&[other.clone(), key.clone()], &request, signature));
            assert!(!verify_rest_signature(&[other], &request, signature));
            assert!(!verify_rest_signature(std::slice::from_ref(&key), &request, &signature.to_uppercase()));
            assert!(!verify_rest_signature(&[key], &RestRequest { method: "PATCH", ..request }, signature));
        }
    }
}
