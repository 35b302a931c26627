//! The few facts that stand in an image's head beside its size: how a pixel is coded, dots per inch, animation.

use std::io::{self, BufRead, Read, Seek};

/// What was found; nothing where the format does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) dpi: Option<[f64; 2]>,
    pub(super) color_mode: Option<&'static str>,
    pub(super) sequence: bool,
}

/// Most blocks walked through, so that a hostile file costs no more than an honest one.
const MAX_BLOCKS: usize = 4096;

pub(super) fn read(format: &str, reader: &mut (impl BufRead + Seek)) -> io::Result<Facts> {
    match format {
        "JPEG" => jpeg(reader),
        "PNG" => png(reader),
        "GIF" => gif(reader),
        "WEBP" => webp(reader),
        "BMP" => bmp(reader),
        _ => Ok(Facts::default()),
    }
}

fn take<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn pair(bytes: [u8; 4]) -> (f64, f64) {
    let [a, b, c, d] = bytes;
    (u16::from_be_bytes([a, b]).into(), u16::from_be_bytes([c, d]).into())
}

/// Source: ITU-T T.81, annex B; JFIF 1.02.
fn jpeg(reader: &mut (impl BufRead + Seek)) -> io::Result<Facts> {
    let mut facts = Facts::default();
    take::<2>(reader)?;
    for _ in 0..MAX_BLOCKS {
        let [mut first, mut marker] = take::<2>(reader)?;
        while marker == 0xff {
            [first, marker] = [marker, take::<1>(reader)?[0]]; // fill bytes
        }
        let length = i64::from(u16::from_be_bytes(take(reader)?)) - 2;
        if first != 0xff || length < 0 {
            break;
        }
        let mut read = 0;
        match marker {
            0xe0 if length >= 12 => {
                let head: [u8; 8] = take(reader)?;
                let (x, y) = pair(take(reader)?);
                read = 12;
                let scale = if head[7] == 2 { 2.54 } else { 1.0 };
                if head.starts_with(b"JFIF") && head[7] > 0 && x > 0.0 && y > 0.0 {
                    facts.dpi = Some([x * scale, y * scale]);
                }
            }
            // Start of frame, in all its kinds but the tables among them.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) && length >= 6 => {
                let [.., components] = take::<6>(reader)?;
                facts.color_mode = match components {
                    1 => Some("L"),
                    3 => Some("RGB"),
                    4 => Some("CMYK"),
                    _ => None,
                };
                break;
            }
            0xda | 0xd9 => break,
            _ => {}
        }
        reader.seek_relative(length - read)?;
    }
    Ok(facts)
}

/// Source: PNG specification, chunks; APNG.
fn png(reader: &mut (impl BufRead + Seek)) -> io::Result<Facts> {
    let mut facts = Facts::default();
    take::<8>(reader)?;
    for _ in 0..MAX_BLOCKS {
        let length = i64::from(u32::from_be_bytes(take(reader)?));
        let mut read = 0;
        match &take::<4>(reader)? {
            b"IHDR" if length == 13 => {
                let [.., color, _, _, _] = take::<13>(reader)?;
                read = 13;
                facts.color_mode = match color {
                    0 => Some("L"),
                    2 => Some("RGB"),
                    3 => Some("P"),
                    4 => Some("LA"),
                    6 => Some("RGBA"),
                    _ => None,
                };
            }
            b"pHYs" if length == 9 => {
                let (x, y) = (u32::from_be_bytes(take(reader)?), u32::from_be_bytes(take(reader)?));
                let [unit] = take(reader)?;
                read = 9;
                let dpi = |dots_per_metre: u32| (f64::from(dots_per_metre) * 0.0254).round();
                facts.dpi = (unit == 1).then(|| [dpi(x), dpi(y)]);
            }
            b"acTL" => facts.sequence = true,
            b"IDAT" | b"IEND" => break,
            _ => {}
        }
        reader.seek_relative(length - read + 4)?;
    }
    Ok(facts)
}

/// Source: the GIF 89a specification. An animation has a second picture.
fn gif(reader: &mut (impl BufRead + Seek)) -> io::Result<Facts> {
    let table = |packed: u8| {
        if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
    };
    let mut facts = Facts { color_mode: Some("P"), ..Facts::default() };
    let head = take::<13>(reader)?;
    reader.seek_relative(table(head[10]))?;
    let mut pictures = 0;
    for _ in 0..MAX_BLOCKS {
        let Ok([kind]) = take::<1>(reader) else { break };
        match kind {
            0x21 => _ = take::<1>(reader)?,
            0x2c => {
                pictures += 1;
                if pictures == 2 {
                    facts.sequence = true;
                    break;
                }
                let [.., packed] = take::<9>(reader)?;
                reader.seek_relative(table(packed) + 1)?;
            }
            _ => break,
        }
        loop {
            match take::<1>(reader)? {
                [0] => break,
                [length] => reader.seek_relative(length.into())?,
            }
        }
    }
    Ok(facts)
}

/// Source: WebP container specification.
fn webp(reader: &mut impl Read) -> io::Result<Facts> {
    let head = take::<12>(reader)?;
    let kind = take::<4>(reader)?;
    let body = take::<9>(reader)?; // four bytes of length, then the chunk
    let (alpha, sequence) = match &kind {
        _ if &head[8..] != b"WEBP" => return Ok(Facts::default()),
        b"VP8X" => (body[4] & 0x10 != 0, body[4] & 0x02 != 0),
        b"VP8L" => (body[8] & 0x10 != 0, false),
        _ => (false, false),
    };
    Ok(Facts { color_mode: Some(if alpha { "RGBA" } else { "RGB" }), sequence, ..Facts::default() })
}

/// Source: the bitmap headers BITMAPCOREHEADER to BITMAPV5HEADER.
fn bmp(reader: &mut impl Read) -> io::Result<Facts> {
    let head = take::<18>(reader)?; // of the file, then the length of the bitmap's own
    let length = u32::from_le_bytes([head[14], head[15], head[16], head[17]]);
    if length < 40 {
        let rest = take::<8>(reader)?;
        return Ok(Facts { color_mode: Some(bmp_mode(rest[6], false)), ..Facts::default() });
    }
    let rest = take::<36>(reader)?;
    let dots = |at: usize| f64::from(u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]));
    let (x, y) = (dots(20), dots(24));
    // From version 3 on there may be a mask for alpha, behind those for the colours.
    let alpha = length >= 56 && take::<16>(reader)?[12..] != [0; 4];
    Ok(Facts {
        dpi: (x > 0.0 && y > 0.0).then(|| [(x * 0.0254).round(), (y * 0.0254).round()]),
        color_mode: Some(bmp_mode(rest[10], alpha)),
        sequence: false,
    })
}

fn bmp_mode(bits: u8, alpha: bool) -> &'static str {
    match bits {
        1..=8 => "P",
        _ if alpha => "RGBA",
        _ => "RGB",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// The head of a bitmap of 1x1 at 2835 dots a metre.
    fn bitmap(length: u8, bits: u8, alpha: u8) -> Vec<u8> {
        let mut head =
            [&b"BM\0\0\0\0\0\0\0\0\x36\0\0\0"[..], &[length, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, bits, 0]].concat();
        head.extend([0; 8]);
        head.extend([0x13, 0x0b, 0, 0, 0x13, 0x0b, 0, 0]);
        head.extend([0; 8]);
        head.extend([0; 12]);
        head.extend([0, 0, 0, alpha]);
        head
    }

    #[test]
    fn heads_tell_coding_density_and_animation() {
        let jpeg =
            b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\x01\0\x60\0\x60\0\0\xff\xff\xc2\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0";
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0cccc\0\0\0\x08acTL\0\0\0\x01\0\0\0\0cccc\0\0\0\tpHYs\0\0\x0b\x13\0\0\x0b\x13\x01cccc\0\0\0\0IDAT";
        let picture = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x01\x00\0";
        let still = [&b"GIF89a\x01\0\x01\0\0\0\0"[..], picture, b"\x3b"].concat();
        let moving = [&b"GIF89a\x01\0\x01\0\0\0\0"[..], picture, picture, b"\x3b"].concat();
        let webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x12\0\0\0\0\0\0\0\0\0";
        let facts = |dpi, color_mode, sequence| Facts { dpi, color_mode: Some(color_mode), sequence };
        for (format, bytes, expected) in [
            ("JPEG", &jpeg[..], facts(Some([96.0, 96.0]), "L", false)),
            ("PNG", png, facts(Some([72.0, 72.0]), "RGBA", true)),
            ("GIF", &still, facts(None, "P", false)),
            ("GIF", &moving, facts(None, "P", true)),
            ("WEBP", webp, facts(None, "RGBA", true)),
            ("BMP", &bitmap(40, 8, 0), facts(Some([72.0, 72.0]), "P", false)),
            ("BMP", &bitmap(40, 24, 0), facts(Some([72.0, 72.0]), "RGB", false)),
            ("BMP", &bitmap(124, 32, 0xff), facts(Some([72.0, 72.0]), "RGBA", false)),
            ("BMP", &bitmap(124, 32, 0), facts(Some([72.0, 72.0]), "RGB", false)),
            ("BMP", b"BM\0\0\0\0\0\0\0\0\x1a\0\0\0\x0c\0\0\0\x01\0\x01\0\x01\0\x18\0", facts(None, "RGB", false)),
        ] {
            assert_eq!(read(format, &mut Cursor::new(bytes)).unwrap(), expected, "{format}");
        }
    }

    #[test]
    fn a_head_cut_short_is_an_error_and_never_a_panic() {
        let bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\x01";
        for format in ["JPEG", "PNG", "GIF", "WEBP", "BMP"] {
            for end in 0..bytes.len() {
                assert!(read(format, &mut Cursor::new(&bytes[..end])).is_err() || end >= 13, "{format} {end}");
            }
        }
    }
}
