//! The upload signature: HMAC-SHA256 over the expiry. Deprecated by the service and still the only credential that
//! older SDKs know. It covers neither file nor endpoint. Source: Upload API, Authentication.

use crate::{SecretKey, read_hex};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Why a pair of signature and expiry is refused, in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadSignatureError {
    /// No signature.
    #[error("`signature` is required")]
    SignatureRequired,
    /// No expiry.
    #[error("`expire` is required")]
    ExpireRequired,
    /// The expiry is no whole number.
    #[error("`expire` must be a UNIX timestamp")]
    ExpireInvalid,
    /// The expiry has passed.
    #[error("the signature has expired; ask for a fresh one")]
    Expired,
    /// No key makes this signature.
    #[error("the signature does not match; check the secret key")]
    Mismatch,
}

fn mac(key: &SecretKey, expire: &str) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key.bytes()).expect("HMAC takes a key of any length").chain_update(expire.as_bytes())
}

/// The signature for uploads until `expire` (Unix seconds): 64 lower-case hexadecimal digits.
pub fn upload_signature(key: &SecretKey, expire: u64) -> String {
    base16ct::lower::encode_string(&mac(key, &expire.to_string()).finalize().into_bytes())
}

/// Checks a pair as it came, at `now` (Unix seconds), against any of the project's keys.
pub fn verify_upload_signature(
    keys: &[SecretKey],
    signature: Option<&str>,
    expire: Option<&str>,
    now: u64,
) -> Result<(), UploadSignatureError> {
    let given = |text: &&str| !text.is_empty();
    let signature = signature.filter(given).ok_or(UploadSignatureError::SignatureRequired)?;
    let expire = expire.filter(given).ok_or(UploadSignatureError::ExpireRequired)?;
    let at: i64 = expire.parse().map_err(|_| UploadSignatureError::ExpireInvalid)?;
    if u64::try_from(at).is_ok_and(|at| at >= now) {
        let signature = read_hex::<32>(signature).ok_or(UploadSignatureError::Mismatch)?;
        let good = keys.iter().fold(false, |good, key| mac(key, expire).verify_slice(&signature).is_ok() | good);
        if good { Ok(()) } else { Err(UploadSignatureError::Mismatch) }
    } else {
        Err(UploadSignatureError::Expired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &[(&str, u64, &str)] = &[
        ("YOUR_SECRET_KEY", 1_678_361_640, "93b69d086a487fbdfc36172b96a5d7f5afa7cb209e43e5f25890bc037e638584"),
        ("demosecretkey", 1_454_902_434, "f48020921ad3964cdf218f5f57bf97d1adaecf334898f05e24abb6610b99d2bb"),
        ("mock_secret_key", 4_102_444_800, "73e7118f2188dc1078fca426aeb8e245e1b46afcf1a3aa16474c8d20d7afb761"),
    ];

    #[test]
    fn published_vectors_are_made_and_verified() {
        for (secret, expire, signature) in VECTORS {
            let key = SecretKey::parse(secret).unwrap();
            assert_eq!(upload_signature(&key, *expire), *signature);
            let pair = (Some(*signature), expire.to_string());
            assert_eq!(verify_upload_signature(&[key], pair.0, Some(&pair.1), *expire), Ok(()));
        }
    }

    #[test]
    fn each_fault_has_its_own_answer() {
        use UploadSignatureError::*;
        let key = [SecretKey::parse("YOUR_SECRET_KEY").unwrap()];
        let good = VECTORS[0].2;
        for (signature, expire, now, expected) in [
            (None, None, 0, SignatureRequired),
            (Some(""), Some("1678361640"), 0, SignatureRequired),
            (Some(good), None, 0, ExpireRequired),
            (Some(good), Some("abc"), 0, ExpireInvalid),
            (Some(good), Some("16783616.5"), 0, ExpireInvalid),
            (Some(good), Some("1678361640"), 1_678_361_641, Expired),
            (Some(good), Some("-5"), 0, Expired),
            (Some(good), Some("1678361641"), 0, Mismatch),
            (Some("93"), Some("1678361640"), 0, Mismatch),
        ] {
            assert_eq!(
                verify_upload_signature(&key, signature, expire, now),
                Err(expected),
                "{signature:?} {expire:?}"
            );
        }
    }
}
