//! Receipts: what a confirmation found out, signed, so that an application's server can believe a form.
//!
//! A receipt is a JSON Web Token, signed with Ed25519 (`alg: EdDSA`), of the type `updock-receipt+jwt`; `docs/receipts.md`
//! documents it for those who verify it themselves. Invariant: only a confirmed file gets one, and it expires.

use crate::problem::Fault;
use crate::signing::{Signing, Verifying};
use crate::state::{State, StateError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use updock_types::signer::{Confirmed, ProblemKind};
use updock_types::{FileUuid, PublicKey};

/// The type in a receipt's header.
pub const RECEIPT_TYPE: &str = "updock-receipt+jwt";
/// The name of the signing key in the state.
pub const KEY: &str = "receipts";

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The signer's address.
    pub iss: String,
    /// Unix seconds: made then,
    pub iat: u64,
    /// and not good from then on.
    pub exp: u64,
    /// Who confirmed: an agent's id, or `visitor`.
    pub sub: String,
    /// The project's public key.
    pub project: PublicKey,
    /// The file.
    pub uuid: FileUuid,
    /// Bytes, as Uploadcare counts them.
    pub size: u64,
    /// The media type, by the file's bytes.
    pub mime_type: String,
    /// Is it kept beyond 24 hours?
    pub stored: bool,
}

/// What came of verifying one, as JSON: `{"good": true, ...}` with all that it says, or `{"good": false, "why": "..."}`.
pub fn told(verified: &Result<Receipt, ReceiptError>) -> Value {
    match verified {
        Ok(receipt) => {
            let mut told = json!(receipt);
            told["good"] = true.into();
            told
        }
        Err(error) => json!({ "good": false, "why": error.to_string() }),
    }
}

/// Makes and verifies receipts.
#[derive(Debug, Clone)]
pub struct Receipts {
    key: Signing,
    ttl: Duration,
    issuer: String,
    project: PublicKey,
}

impl Receipts {
    /// Receipts of the signer at `issuer`.
    pub fn new(key: Signing, ttl: Duration, issuer: String, project: PublicKey) -> Self {
        Self { key, ttl, issuer, project }
    }

    /// A receipt for a confirmed file.
    pub fn make(&self, confirmed: &Confirmed, caller: &str, now: u64) -> String {
        let receipt = Receipt {
            iss: self.issuer.clone(),
            iat: now,
            exp: now + self.ttl.as_secs(),
            sub: caller.to_owned(),
            project: self.project.clone(),
            uuid: confirmed.uuid,
            size: confirmed.size,
            mime_type: confirmed.mime_type.clone(),
            stored: confirmed.stored,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(RECEIPT_TYPE.to_owned());
        header.kid = Some(self.key.id().to_owned());
        let key = EncodingKey::from_ed_der(&self.key.pkcs8());
        jsonwebtoken::encode(&header, &receipt, &key).expect("a receipt is text and numbers, and the key is whole")
    }

    /// What a receipt of ours says, if it is good at `now` (Unix seconds).
    pub fn verify(&self, text: &str, now: u64) -> Result<Receipt, ReceiptError> {
        verify(&[self.key.verifying()], text, now)
            .and_then(|receipt| if receipt.project == self.project { Ok(receipt) } else { Err(ReceiptError::Project) })
    }

    /// The public key as a JSON Web Key Set. Source: RFC 8037.
    pub fn key_set(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying().bytes());
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.key.id(), "x": x,
        }] })
    }

    /// The signing key of this state, made now if there is none.
    pub async fn kept_key(state: &dyn State) -> Result<Signing, StateError> {
        Signing::kept(state, KEY).await
    }
}

/// Why a receipt is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not one of ours, or changed.
    #[error("this is no receipt of this signer, or it was changed on its way")]
    Forged,
    /// Its time is over.
    #[error("this receipt has expired; confirm the upload again")]
    Expired,
    /// It is about another project.
    #[error("this receipt is about another project")]
    Project,
}

/// What a receipt says, if one of `keys` signed it and it is good at `now` (Unix seconds).
pub fn verify(keys: &[Verifying], text: &str, now: u64) -> Result<Receipt, ReceiptError> {
    let header = jsonwebtoken::decode_header(text).map_err(|_| ReceiptError::Forged)?;
    if header.typ.as_deref() != Some(RECEIPT_TYPE) {
        return Err(ReceiptError::Forged);
    }
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false; // below, by the caller's clock and without leeway
    validation.required_spec_claims.clear();
    let read = keys.iter().find_map(|key| {
        let key = DecodingKey::from_ed_der(&key.bytes());
        jsonwebtoken::decode::<Receipt>(text, &key, &validation).ok()
    });
    let receipt = read.ok_or(ReceiptError::Forged)?.claims;
    if receipt.exp <= now { Err(ReceiptError::Expired) } else { Ok(receipt) }
}

impl From<ReceiptError> for Fault {
    fn from(error: ReceiptError) -> Self {
        let text = error.to_string();
        let (first, rest) = text.split_at(1);
        Self::new(ProblemKind::ReceiptInvalid, format!("{}{rest}.", first.to_uppercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_425_247;

    fn receipts(seed: u8) -> Receipts {
        let project = PublicKey::parse("demopublickey").unwrap();
        Receipts::new(Signing::from_seed([seed; 32]), Duration::from_mins(10), "https://s.test".to_owned(), project)
    }

    fn confirmed() -> Confirmed {
        Confirmed {
            uuid: FileUuid::parse("17be4678-dab7-4bc7-8753-28914a22960a").unwrap(),
            size: 5,
            mime_type: "image/png".to_owned(),
            stored: true,
            receipt: None,
        }
    }

    #[test]
    fn a_receipt_says_what_was_confirmed_until_it_expires() {
        let text = receipts(1).make(&confirmed(), "visitor", NOW);
        let receipt = receipts(1).verify(&text, NOW + 599).unwrap();
        assert_eq!((receipt.uuid, receipt.size, receipt.stored), (confirmed().uuid, 5, true));
        assert_eq!((receipt.sub.as_str(), receipt.iss.as_str()), ("visitor", "https://s.test"));
        assert_eq!(receipts(1).verify(&text, NOW + 600), Err(ReceiptError::Expired));
    }

    #[test]
    fn no_other_key_no_other_algorithm_and_no_change_is_taken() {
        let text = receipts(1).make(&confirmed(), "visitor", NOW);
        assert_eq!(receipts(2).verify(&text, NOW), Err(ReceiptError::Forged));
        let parts: Vec<&str> = text.split('.').collect();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let none = part(&json!({"alg": "none", "typ": RECEIPT_TYPE}));
        let other = part(&json!({"alg": "EdDSA", "typ": "JWT"}));
        let body: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let mut larger = body.clone();
        larger["size"] = json!(6);
        let symmetric = jsonwebtoken::encode(
            &Header { typ: Some(RECEIPT_TYPE.to_owned()), ..Header::new(Algorithm::HS256) },
            &body,
            &EncodingKey::from_secret(&receipts(1).key.verifying().bytes()),
        )
        .unwrap();
        for forged in [
            String::new(),
            "a.b.c".to_owned(),
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{other}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.{}", parts[0], part(&larger), parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            symmetric,
        ] {
            assert_eq!(receipts(1).verify(&forged, NOW), Err(ReceiptError::Forged), "{forged}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".*", parts in "[A-Za-z0-9_-]{0,40}[.][A-Za-z0-9_-]{0,40}[.][A-Za-z0-9_-]{0,90}") {
            proptest::prop_assert!(receipts(1).verify(&text, NOW).is_err());
            proptest::prop_assert!(receipts(1).verify(&parts, NOW).is_err());
        }
    }
}
