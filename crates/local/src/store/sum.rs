//! What a blob's `ETag` is made of.

use crate::config::Etags;
use md5::{Digest, Md5};
use xxhash_rust::xxh3::Xxh3;

/// A sum of bytes that come one after the other.
pub(super) enum Sum {
    Md5(Md5),
    Xxh3(Box<Xxh3>),
}

impl Sum {
    pub(super) fn new(etags: Etags) -> Self {
        match etags {
            Etags::Md5 => Self::Md5(Md5::new()),
            Etags::Fast => Self::Xxh3(Box::default()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(md5) => md5.update(bytes),
            Self::Xxh3(sum) => sum.update(bytes),
        }
    }

    pub(super) fn finish(&self) -> [u8; 16] {
        match self {
            Self::Md5(md5) => md5.clone().finalize().into(),
            Self::Xxh3(sum) => sum.digest128().to_be_bytes(),
        }
    }
}
