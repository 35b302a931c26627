//! Percent-encoding of single values.

/// Encodes all but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&crate::hex(&[byte]).to_ascii_uppercase());
        }
    }
    encoded
}

/// Decodes what is encoded; a `%` without two digits stays.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| Some((digit(bytes.get(at + 1))?, digit(bytes.get(at + 2))?))).flatten();
        if let Some((high, low)) = escaped {
            decoded.push(u8::try_from(high * 16 + low).unwrap_or(byte));
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_and_stray_percents_stay() {
        assert_eq!(encode("2026-08-04T10:00:00+00:00"), "2026-08-04T10%3A00%3A00%2B00%3A00");
        assert_eq!(decode(&encode("ü ~/%")), "ü ~/%".as_bytes());
        assert_eq!(decode("100%"), b"100%");
        assert_eq!(decode("%zz%4"), b"%zz%4");
    }
}
