//! Puts a colour profile into a WebP file; the encoder writes none.
//! Source: WebP container specification, extended file format.

/// Flags of the head of an extended file.
const PROFILE: u8 = 0x20;
const ALPHA: u8 = 0x10;

/// The same file with the profile in it; unchanged when it is no WebP file.
pub(super) fn attach(file: &[u8], profile: &[u8], size: (u32, u32), transparent: bool) -> Vec<u8> {
    let Some(chunks) = file.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)?.strip_prefix(b"WEBP")) else {
        return file.to_vec();
    };
    // The encoder writes the extended form by itself for transparency; its head is written anew.
    let pictures = if chunks.starts_with(b"VP8X") { chunks.get(18..).unwrap_or_default() } else { chunks };
    let mut head = [0; 10];
    head[0] = PROFILE | if transparent { ALPHA } else { 0 };
    head[4..7].copy_from_slice(&size.0.saturating_sub(1).to_le_bytes()[..3]);
    head[7..].copy_from_slice(&size.1.saturating_sub(1).to_le_bytes()[..3]);
    let mut body = b"WEBP".to_vec();
    chunk(&mut body, *b"VP8X", &head);
    chunk(&mut body, *b"ICCP", profile);
    body.extend_from_slice(pictures);
    let mut whole = Vec::with_capacity(body.len() + 8);
    chunk(&mut whole, *b"RIFF", &body);
    whole
}

fn chunk(to: &mut Vec<u8>, name: [u8; 4], bytes: &[u8]) {
    to.extend(name);
    to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(bytes);
    if bytes.len() % 2 == 1 {
        to.push(0);
    }
}
