//! Our own signatures: Ed25519, for receipts and for checkpoints of the audit log. Each has a key of its own, brought
//! along by the policy or made once and kept in the state, so that all instances sign with the same.

use crate::state::{State, StateError};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// A key that signs. `Debug` shows its id only.
#[derive(Clone)]
pub struct Signing {
    key: SigningKey,
    id: String,
}

/// The half that everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifying(VerifyingKey);

impl Signing {
    /// The key of these 32 random bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&seed);
        let id = Verifying(key.verifying_key()).id();
        Self { key, id }
    }

    /// The key of this name in `state`, made now if there is none.
    pub async fn kept(state: &dyn State, name: &str) -> Result<Self, StateError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random bytes");
        let kept = state.value_or(value_name(name), seed.to_vec()).await?;
        Self::of_value(name, kept)
    }

    /// The same if it was made already.
    pub async fn known(state: &dyn State, name: &str) -> Result<Option<Self>, StateError> {
        state.value(value_name(name)).await?.map(|kept| Self::of_value(name, kept)).transpose()
    }

    fn of_value(name: &str, kept: Vec<u8>) -> Result<Self, StateError> {
        let seed = kept.try_into().map_err(|_| StateError::File {
            path: value_name(name),
            why: "the kept key has the wrong length; remove it, and a new one is made".to_owned(),
        })?;
        Ok(Self::from_seed(seed))
    }

    /// Names the key in what it signed.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// What verifies it.
    pub fn verifying(&self) -> Verifying {
        Verifying(self.key.verifying_key())
    }

    /// As libraries for tokens want it: PKCS #8. Source: RFC 8410.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        const HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        [&HEAD[..], &self.key.to_bytes()].concat()
    }
}

/// What a key is called among the values of the state.
fn value_name(name: &str) -> String {
    format!("signing:{name}")
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signing({})", self.id)
    }
}

impl Verifying {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = from_hex(text)?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(Self)
    }

    /// The key's bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Did it sign `message`?
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }

    /// The first 16 hexadecimal digits of its SHA-256.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.bytes())[..8])
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// Bytes from lower-case hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::MemoryState;

    #[tokio::test]
    async fn each_key_is_kept_under_a_name_of_its_own_that_stays() {
        let state = MemoryState::default();
        assert!(Signing::known(&state, "audit").await.unwrap().is_none());
        let audit = Signing::kept(&state, "audit").await.unwrap();
        assert!(Signing::known(&state, "receipts").await.unwrap().is_none(), "another purpose has another key");
        let receipts = Signing::kept(&state, "receipts").await.unwrap();
        assert_ne!(audit.id(), receipts.id());
        assert_eq!(Signing::kept(&state, "audit").await.unwrap().id(), audit.id());
        assert_eq!(Signing::known(&state, "receipts").await.unwrap().unwrap().id(), receipts.id());
        // Where keys of versions before lie.
        assert_eq!(state.value("signing:audit".to_owned()).await.unwrap().unwrap(), audit.key.to_bytes());
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn the_published_vector_is_made_and_verified() {
        let seed = from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
        let key = Signing::from_seed(seed.try_into().unwrap());
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        assert_eq!(hex(&key.verifying().bytes()), public);
        assert_eq!(key.verifying().id(), "39f713d0a644253f", "the beginning of its SHA-256");
        let signature = key.sign(&[0x72]);
        assert!(hex(&signature).starts_with("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"));
        let verifying = Verifying::parse(public).unwrap();
        assert!(verifying.verify(&[0x72], &signature));
        assert!(!verifying.verify(&[0x73], &signature));
        assert!(!verifying.verify(&[0x72], &signature[1..]));
        assert_eq!(key.id(), key.verifying().id());
        assert_eq!(format!("{key:?}"), "Signing(39f713d0a644253f)", "its id, and nothing of its seed");
    }
}
