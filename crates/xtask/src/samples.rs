//! Files made on the spot: a photo that a browser can show, and large files of noise. The same
//! seed always gives the same bytes, and their SHA-256 is taken while they are written.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Doing, Error, Result};
use crate::setup::npm::hex;

/// A file on disk, and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// A JPEG of one to three megabytes: a dawn over water, with the grain of a real photo.
pub(crate) fn photo(folder: &Path, name: &str) -> Result<Sample> {
    const WIDTH: u16 = 2000;
    const HEIGHT: u16 = 1333;
    let mut noise = Noise(0x5EED_0001);
    let mut pixels = Vec::with_capacity(usize::from(WIDTH) * usize::from(HEIGHT) * 3);
    for y in 0..HEIGHT {
        let depth = u32::from(y) * 255 / u32::from(HEIGHT);
        for x in 0..WIDTH {
            let wave = if y > HEIGHT / 2 { (u32::from(x) / 9 + u32::from(y) * u32::from(y) / 40) % 24 } else { 0 };
            let grain = noise.next().to_le_bytes();
            for (channel, base) in [250 - depth / 2, 140 + depth / 4, 90 + depth / 2].into_iter().enumerate() {
                let value = base + wave + u32::from(grain[channel] % 40);
                pixels.push(u8::try_from(value.min(255)).unwrap_or(u8::MAX));
            }
        }
    }
    let mut jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut jpeg, 93)
        .encode(&pixels, WIDTH, HEIGHT, jpeg_encoder::ColorType::Rgb)
        .map_err(|error| Error::Check(format!("the photo cannot be made: {error}")))?;
    write(folder, name, |out| out.write_all(&jpeg))
}

/// `size` bytes that do not compress and repeat nowhere.
pub(crate) fn noise(folder: &Path, name: &str, size: u64) -> Result<Sample> {
    write(folder, name, |out| {
        let mut noise = Noise(0x5EED_0002 ^ size);
        let mut left = size;
        let mut block = vec![0; 64 * 1024];
        while left > 0 {
            for eight in block.chunks_exact_mut(8) {
                eight.copy_from_slice(&noise.next().to_le_bytes());
            }
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            out.write_all(&block[..take])?;
            left -= take as u64;
        }
        Ok(())
    })
}

fn write(
    folder: &Path,
    name: &str,
    fill: impl FnOnce(&mut Hashing<BufWriter<File>>) -> std::io::Result<()>,
) -> Result<Sample> {
    std::fs::create_dir_all(folder).doing_at("make", folder)?;
    let path = folder.join(name);
    let file = File::create(&path).doing_at("write", &path)?;
    let mut out = Hashing { inner: BufWriter::new(file), hash: Sha256::new(), size: 0 };
    fill(&mut out).and_then(|()| out.inner.flush()).doing_at("write", &path)?;
    Ok(Sample { path, name: name.into(), size: out.size, sha256: hex(&out.hash.finalize()) })
}

/// Counts and hashes what passes through.
#[derive(Debug)]
pub(crate) struct Hashing<W> {
    pub(crate) inner: W,
    pub(crate) hash: Sha256,
    pub(crate) size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = self.inner.write(bytes)?;
        self.hash.update(&bytes[..taken]);
        self.size += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

/// xorshift64*: quick, and good enough that nothing compresses it.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_size_and_hash_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let sample = noise(folder.path(), "n", 200_001).unwrap();
        let bytes = std::fs::read(&sample.path).unwrap();
        assert_eq!(bytes.len(), 200_001);
        assert_eq!(sample.size, 200_001);
        assert_eq!(sample.sha256, hex(&Sha256::digest(&bytes)));
    }

    #[test]
    fn the_photo_is_a_jpeg_of_a_photos_size() {
        let folder = tempfile::tempdir().unwrap();
        let sample = photo(folder.path(), "p.jpg").unwrap();
        let bytes = std::fs::read(&sample.path).unwrap();
        assert!(bytes.starts_with(&[0xFF, 0xD8, 0xFF]));
        assert!((1_000_000..3_000_000).contains(&sample.size), "{}", sample.size);
    }
}
