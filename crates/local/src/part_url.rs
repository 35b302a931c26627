//! Addresses of parts: made at the start of a multipart upload, and checked when a part comes.
//!
//! They look as those of the storage behind the service and are signed alike, over path and query but not the host:
//! a page may reach the stand-in under several names. Source: Upload API, Upload parts; Amazon S3, presigned URLs.

use crate::store;
use hmac::{Hmac, KeyInit, Mac};
use http::Uri;
use sha2::Sha256;
use updock_types::{FileUuid, Timestamp, upload::limits};

/// Makes the addresses of one upload's parts.
pub(crate) struct Signer<'a> {
    key: &'a [u8; 32],
    path: String,
    upload_id: &'a str,
    date: String,
}

impl<'a> Signer<'a> {
    pub(crate) fn new(key: &'a [u8; 32], file: FileUuid, name: &str, upload_id: &'a str) -> Self {
        Self { key, path: format!("/{file}/{name}"), upload_id, date: date(store::now()) }
    }

    /// For addresses that were good until a minute ago.
    pub(crate) fn expired(mut self) -> Self {
        let age = (i64::try_from(limits::PART_URL_SECONDS).unwrap_or(i64::MAX / 2_000_000) + 60) * 1_000_000;
        self.date = Timestamp::from_micros(store::now().as_micros() - age).map(date).unwrap_or_default();
        self
    }

    /// The address of part `number`, good for a day.
    pub(crate) fn url(&self, origin: &str, number: u64) -> String {
        let (path, upload_id, date) = (&self.path, self.upload_id, &self.date);
        let day = &date[..8];
        let seconds = limits::PART_URL_SECONDS;
        let query = format!(
            "uploadId={upload_id}&partNumber={number}&X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=updock-local%2F{day}%2Flocal%2Fs3%2Faws4_request&X-Amz-Date={date}\
             &X-Amz-Expires={seconds}&X-Amz-SignedHeaders=host"
        );
        let signature = crate::hex(&mac(self.key, path, &query).finalize().into_bytes());
        format!("{origin}{path}?{query}&X-Amz-Signature={signature}")
    }
}

/// `20260921T124402Z`.
fn date(at: Timestamp) -> String {
    let digits: String = at.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{}Z", digits.split(['.', 'Z']).next().unwrap_or_default())
}

fn mac(key: &[u8; 32], path: &str, query: &str) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(path.as_bytes()).chain_update(b"?").chain_update(query.as_bytes())
}

/// What a good address names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartAddress {
    pub(crate) file: FileUuid,
    pub(crate) upload_id: String,
    pub(crate) number: u64,
}

/// Why an address is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AddressError {
    /// It carries no signature.
    Unsigned,
    /// It was altered.
    Mismatch,
    /// It was good once.
    Expired,
}

/// Checks an address at `now`.
pub(crate) fn verify(key: &[u8; 32], uri: &Uri, now: Timestamp) -> Result<PartAddress, AddressError> {
    let query = uri.query().unwrap_or_default();
    let (signed, rest) = query.split_once("&X-Amz-Signature=").ok_or(AddressError::Unsigned)?;
    // What follows the signature is not signed and must not count.
    let signature = rest.split('&').next().unwrap_or_default();
    let signature = from_hex(signature).ok_or(AddressError::Mismatch)?;
    mac(key, uri.path(), signed).verify_slice(&signature).map_err(|_| AddressError::Mismatch)?;
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(signed.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).ok_or(AddressError::Mismatch)
    };
    let made = parse_date(&value("X-Amz-Date")?).ok_or(AddressError::Mismatch)?;
    let seconds: i64 = value("X-Amz-Expires")?.parse().map_err(|_| AddressError::Mismatch)?;
    if now.as_seconds() > made.as_seconds() + seconds {
        return Err(AddressError::Expired);
    }
    let file = uri.path().get(1..37).and_then(|text| FileUuid::parse(text).ok()).ok_or(AddressError::Mismatch)?;
    let number = value("partNumber")?.parse().map_err(|_| AddressError::Mismatch)?;
    Ok(PartAddress { file, upload_id: value("uploadId")?, number })
}

/// `20260921T124402Z`.
fn parse_date(text: &str) -> Option<Timestamp> {
    let part = |from: usize, to: usize| text.get(from..to);
    let long = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?
    );
    Timestamp::parse(&long).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits?;
    (digits.len() == 64).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_good_as_it_was_given_and_for_a_day() {
        let (key, file) = ([7; 32], crate::chance::uuid());
        let url = Signer::new(&key, file, "big.jpeg", "abc").url("http://127.0.0.1:3000", 3);
        let now = store::now();
        let later = |seconds: i64| Timestamp::from_micros(now.as_micros() + seconds * 1_000_000).unwrap();
        let check = |url: &str, at| verify(&key, &url.parse().unwrap(), at);
        let expected = PartAddress { file, upload_id: "abc".to_owned(), number: 3 };
        assert_eq!(check(&url, now), Ok(expected));
        assert!(check(&url, later(86_390)).is_ok());
        assert_eq!(check(&url, later(86_402)), Err(AddressError::Expired));
        for (from, to) in [("partNumber=3", "partNumber=4"), ("abc", "abd"), ("86400", "99999"), ("big", "bag")] {
            assert_eq!(check(&url.replace(from, to), now), Err(AddressError::Mismatch), "{from}");
        }
        assert_eq!(check(&format!("{url}0"), now), Err(AddressError::Mismatch));
        assert_eq!(check(url.split("&X-Amz-Sig").next().unwrap(), now), Err(AddressError::Unsigned));
        assert!(verify(&[8; 32], &url.parse().unwrap(), now).is_err());
    }
}
