//! One request as it is fuzzed, kept free of what differs between runs: ids and times stand as `@FILE@`, `@NOW@` and
//! the like, so that a saved case means the same tomorrow.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use updock_sign::{RestRequest, SecretKey, body_md5, http_date, rest_signature};

pub(crate) const SECRET: &str = "demosecretkey";

/// A request. Its framing (`host`, `content-length`) is added when it is sent, unless it brings its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Case {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// What stands for `@NAME@`.
pub(crate) type World = BTreeMap<&'static str, String>;

impl Case {
    pub(crate) fn new(method: &str, target: impl Into<Vec<u8>>) -> Self {
        Self { method: method.to_owned(), target: target.into(), ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With a version and the secret key, as most requests of the REST API come.
    pub(crate) fn rest(self) -> Self {
        self.header("accept", "application/vnd.uploadcare-v0.7+json")
            .header("authorization", format!("Uploadcare.Simple demopublickey:{SECRET}"))
    }

    /// As it is saved.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, b"\n"].concat();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\n"].concat());
        }
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n').expect("a line of a saved case");
            let line = rest[..end].to_vec();
            rest = &rest[end + 1..];
            line
        };
        let first = line();
        let space = first.iter().position(|byte| *byte == b' ').expect("a method and a target");
        let mut case = Self::new(std::str::from_utf8(&first[..space]).unwrap(), &first[space + 1..]);
        loop {
            let header = line();
            if header.is_empty() {
                break;
            }
            let colon = header.windows(2).position(|pair| pair == b": ").expect("a header's name and value");
            case = case.header(std::str::from_utf8(&header[..colon]).unwrap(), &header[colon + 2..]);
        }
        case.body(rest)
    }

    /// The bytes to send.
    pub(crate) fn to_wire(&self, world: &World, now: u64) -> Vec<u8> {
        let mut target = one_line(&fill(&self.target, world, now));
        if target.is_empty() {
            target.push(b'/');
        }
        // A space would end it early; that is hyper's business and not ours.
        target.iter_mut().filter(|byte| **byte == b' ').for_each(|byte| *byte = b'+');
        let body = fill(&self.body, world, now);
        let mut headers: Vec<(String, Vec<u8>)> =
            self.headers.iter().map(|(name, value)| (name.clone(), one_line(&fill(value, world, now)))).collect();
        self.sign(&mut headers, &target, &body);
        let mut wire = [self.method.as_bytes(), b" ", &target, b" HTTP/1.1\r\n"].concat();
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name == wanted);
        if !has("host") {
            wire.extend_from_slice(b"host: stand-in.test\r\n");
        }
        let framed = has("content-length") || has("transfer-encoding") || (body.is_empty() && self.method == "GET");
        if !framed {
            wire.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
        }
        for (name, value) in headers {
            wire.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(&body);
        wire
    }

    /// Puts the signature of the REST API in the place of `@RESTSIGNATURE@`.
    fn sign(&self, headers: &mut [(String, Vec<u8>)], target: &[u8], body: &[u8]) {
        const MARK: &[u8] = b"@RESTSIGNATURE@";
        let text = |name: &str| {
            let value = headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.clone());
            String::from_utf8_lossy(&value.unwrap_or_default()).into_owned()
        };
        let (content_type, date) = (text("content-type"), text("x-uploadcare-date"));
        let request = RestRequest {
            method: &self.method,
            body_md5: &body_md5(body),
            content_type: &content_type,
            date: &date,
            target: &String::from_utf8_lossy(target),
        };
        let signature = rest_signature(&SecretKey::parse(SECRET).unwrap(), &request);
        for (_, value) in headers {
            if let Some(at) = find(value, MARK) {
                value.splice(at..at + MARK.len(), signature.bytes());
            }
        }
    }
}

fn one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { *byte }).collect()
}

pub(crate) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Fills in ids, times and signatures: `@FILE@`, `@NOW@`, `@NOW+60@`, `@DATE-900@`, `@HMAC+60@`, and
/// `@TOKEN:<header>|<claims>:TOKEN@`, a token signed over exactly these texts.
fn fill(text: &[u8], world: &World, now: u64) -> Vec<u8> {
    const END: &[u8] = b":TOKEN@";
    let mut filled = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.iter().position(|byte| *byte == b'@') {
        filled.extend_from_slice(&rest[..start]);
        rest = &rest[start + 1..];
        let (end, value) = if let Some(inside) = rest.strip_prefix(b"TOKEN:") {
            find(inside, END)
                .map_or((0, None), |end| (6 + end + END.len(), Some(token(&fill(&inside[..end], world, now)))))
        } else {
            let end = rest.iter().take(64).position(|byte| *byte == b'@').unwrap_or_default();
            (end + 1, value(&rest[..end], world, now))
        };
        if let Some(value) = value {
            filled.extend(value.into_bytes());
            rest = &rest[end..];
        } else {
            filled.push(b'@');
        }
    }
    filled.extend_from_slice(rest);
    filled
}

fn value(name: &[u8], world: &World, now: u64) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    if let Some(value) = world.get(name) {
        return Some(value.clone());
    }
    let (name, shift) = name.split_at(name.find(['+', '-']).unwrap_or(name.len()));
    let shift: i64 = if shift.is_empty() { 0 } else { shift.parse().ok()? };
    let at = now.checked_add_signed(shift)?;
    match name {
        "NOW" => Some(at.to_string()),
        "DATE" => Some(http_date(at)),
        "HMAC" => Some(updock_sign::upload_signature(&SecretKey::parse(SECRET).unwrap(), at)),
        _ => None,
    }
}

fn token(text: &[u8]) -> String {
    let split = find(text, b"|").unwrap_or(text.len());
    let (header, claims) = (&text[..split], text.get(split + 1..).unwrap_or_default());
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(&Sha256::digest(SECRET)).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[test]
fn what_is_written_can_be_read_and_filled_in() {
    let case = Case::new("POST", "/base/?a=@FILE@").header("x-a", "b: c").body("one\n\ntwo @NOW+5@ @@ @NOPE@ a@b");
    assert_eq!(Case::parse(&case.to_bytes()), case);
    let wire = case.to_wire(&World::from([("FILE", "1234".to_owned())]), 100);
    let expected = "POST /base/?a=1234 HTTP/1.1\r\nhost: stand-in.test\r\ncontent-length: 26\r\nx-a: b: c\r\n\r\none\n\ntwo 105 @@ @NOPE@ a@b";
    assert_eq!(String::from_utf8(wire).unwrap(), expected);
}

#[test]
fn a_token_made_here_is_good() {
    let key = [SecretKey::parse(SECRET).unwrap()];
    let text = br#"Bearer @TOKEN:{"alg":"HS256","typ":"JWT"}|{"exp":@NOW+60@,"iat":@NOW@}:TOKEN@"#;
    let filled = String::from_utf8(fill(text, &World::new(), 1_000_000)).unwrap();
    updock_sign::verify_token(&key, filled.strip_prefix("Bearer ").unwrap(), None, 1_000_010).unwrap();
}
