//! Names and keys from the operating system's generator.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `length` characters of base 62, each equally likely.
///
/// # Panics
/// When the operating system has no randomness to give: then nothing here may go on.
pub(crate) fn base62(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        // Six bits name 64 characters; the two that do not exist are drawn again, so none is likelier.
        let drawn = bytes.iter().filter_map(|byte| BASE62.get(usize::from(byte & 63)));
        text.extend(drawn.take(length - text.len()).map(|character| char::from(*character)));
    }
    text
}

/// The last `length` digits of `number` in base 62, padded from the left.
pub(crate) fn base62_number(mut number: u64, length: usize) -> String {
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(number % 62) as usize];
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

/// Is every character one of base 62?
pub(crate) fn is_base62(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_text_has_its_length_and_does_not_repeat() {
        let (one, other) = (base62(43), base62(43));
        assert_eq!(one.len(), 43);
        assert!(is_base62(&one));
        assert_ne!(one, other);
        assert_eq!(base62_number(0, 6), "000000");
        assert_eq!(base62_number(u32::MAX.into(), 6), "4gfFC3");
        assert_eq!(base62_number(62, 1), "0");
    }
}
