//! The webhook signature: HMAC-SHA256 over the body. It covers no time and no delivery id, so whoever receives
//! webhooks must remember what was seen. Source: Webhooks, Signed webhooks.

use crate::{SecretKey, read_hex};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header that carries it.
pub const WEBHOOK_HEADER: &str = "X-Uc-Signature";

fn mac(key: &SecretKey, body: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes a key of any length").chain_update(body)
}

/// The header's value: `v1=` and 64 lower-case hexadecimal digits.
pub fn webhook_signature(secret: &SecretKey, body: &[u8]) -> String {
    format!("v1={}", base16ct::lower::encode_string(&mac(secret, body).finalize().into_bytes()))
}

/// Is `header` the signature of `body` (the raw bytes) under one of `secrets`? In constant time.
pub fn verify_webhook_signature(secrets: &[SecretKey], body: &[u8], header: &str) -> bool {
    let Some(given) = header.strip_prefix("v1=").and_then(read_hex::<32>) else { return false };
    secrets.iter().fold(false, |good, secret| mac(secret, body).verify_slice(&given).is_ok() | good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_is_made_and_verified() {
        let secret = SecretKey::parse("7kMVZivndx0ErgvhRKAr").unwrap();
        let body = br#"{"hook":{"event":"file.deleted"}}"#;
        let header = "v1=f0cfd6bba1de2a7b877b64e29e5467481ec0f5bd1606d827f6fc3809e17c119f";
        assert_eq!(webhook_signature(&secret, body), header);
        let keys = [SecretKey::parse("old").unwrap(), secret];
        assert!(verify_webhook_signature(&keys, body, header));
        assert!(!verify_webhook_signature(&keys[..1], body, header));
        for bad in ["", "v1=", "v2=f0", &header[3..], &header.to_uppercase(), &format!("{header}0")] {
            assert!(!verify_webhook_signature(&keys, body, bad), "{bad}");
        }
        assert!(!verify_webhook_signature(&keys, b"{}", header));
    }
}
