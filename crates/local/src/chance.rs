//! Random bytes, from the operating system.

use updock_types::FileUuid;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A fresh version 4 UUID.
pub(crate) fn uuid() -> FileUuid {
    FileUuid::from_random_bytes(bytes())
}

/// `N` random bytes in hexadecimal digits.
pub(crate) fn hex<const N: usize>() -> String {
    crate::hex(&bytes::<N>())
}
