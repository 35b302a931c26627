//! Video files of one still picture, two seconds long: `WebM` with a VP8 frame, MP4 with a JPEG, and Ogg with silence
//! (a picture there would need Theora, which nothing here writes).
//!
//! Only what players need is written, and the sentence that says what the file is goes where its format keeps titles.
//! Sources: Matroska (RFC 9559), RFC 6386 (VP8), ISO/IEC 14496-12 and -14, RFC 3533 (Ogg), RFC 7845 (Opus).

use crate::{
    picture::{Encoding, Format, Picture},
    store::Trouble,
};
use updock_types::VideoFormat;

/// Length of a placeholder.
pub(super) const SECONDS: u32 = 2;
/// The picture is repeated so often a second, for players that seek.
const FRAMES_A_SECOND: u32 = 4;

/// A video of that picture, which is opaque.
pub(super) fn write(format: VideoFormat, picture: &Picture, title: &str) -> Result<Vec<u8>, Trouble> {
    let encoded = |format| {
        picture.encode(&Encoding::new(format)).map_err(|error| Trouble::new("conversion_failed", error.to_string()))
    };
    let size = (picture.image.width(), picture.image.height());
    match format {
        VideoFormat::Webm => {
            let file = encoded(Format::WebP)?;
            let frame = vp8(&file).ok_or_else(|| Trouble::new("conversion_failed", "There is no frame."))?;
            Ok(webm(frame, size, title))
        }
        VideoFormat::Mp4 => Ok(mp4(&encoded(Format::Jpeg)?, size, title)),
        VideoFormat::Ogg => Ok(ogg(title)),
    }
}

/// The frame in a lossy WebP file: it is a key frame of VP8.
fn vp8(file: &[u8]) -> Option<&[u8]> {
    let chunk = file.get(12..)?.strip_prefix(b"VP8 ")?;
    let (length, frame) = chunk.split_at_checked(4)?;
    frame.get(..u32::from_le_bytes(length.try_into().ok()?) as usize)
}

fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        // Who tells files by their first bytes knows the shortest form only.
        Ok(length) if length < 0x7f => [id, &[0x80 | length], body].concat(),
        // Eight bytes: 0x01, then the length in seven.
        _ => [id, &(0x0100_0000_0000_0000 | body.len() as u64).to_be_bytes(), body].concat(),
    }
}

fn webm(frame: &[u8], (width, height): (u32, u32), title: &str) -> Vec<u8> {
    let number = |id: &[u8], value: u32| element(id, &value.to_be_bytes());
    let head = element(
        &[0x1a, 0x45, 0xdf, 0xa3],
        &[
            number(&[0x42, 0x86], 1),
            number(&[0x42, 0xf7], 1),
            number(&[0x42, 0xf2], 4),
            number(&[0x42, 0xf3], 8),
            element(&[0x42, 0x82], b"webm"),
            number(&[0x42, 0x87], 2),
            number(&[0x42, 0x85], 2),
        ]
        .concat(),
    );
    let info = element(
        &[0x15, 0x49, 0xa9, 0x66],
        &[
            number(&[0x2a, 0xd7, 0xb1], 1_000_000), // a tick is a millisecond
            element(&[0x44, 0x89], &f64::from(SECONDS * 1000).to_be_bytes()),
            element(&[0x4d, 0x80], b"updock-local"),
            element(&[0x57, 0x41], b"updock-local"),
            element(&[0x7b, 0xa9], title.as_bytes()),
        ]
        .concat(),
    );
    let video = element(&[0xe0], &[number(&[0xb0], width), number(&[0xba], height)].concat());
    let track = [
        number(&[0xd7], 1),
        number(&[0x73, 0xc5], 1),
        number(&[0x9c], 0),
        number(&[0x83], 1),
        element(&[0x86], b"V_VP8"),
        video,
    ];
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &element(&[0xae], &track.concat()));
    let mut cluster = number(&[0xe7], 0);
    for at in 0..SECONDS * FRAMES_A_SECOND {
        let time = u16::try_from(at * 1000 / FRAMES_A_SECOND).unwrap_or(u16::MAX).to_be_bytes();
        // Track 1, its time, a key frame.
        cluster.extend(element(&[0xa3], &[&[0x81], &time[..], &[0x80], frame].concat()));
    }
    let cluster = element(&[0x1f, 0x43, 0xb6, 0x75], &cluster);
    [head, element(&[0x18, 0x53, 0x80, 0x67], &[info, tracks, cluster].concat())].concat()
}

fn atom(name: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 8).unwrap_or(u32::MAX).to_be_bytes();
    [&length[..], &name, &body].concat()
}

fn mp4(jpeg: &[u8], (width, height): (u32, u32), title: &str) -> Vec<u8> {
    let word = |value: u32| value.to_be_bytes();
    let half = |value: u32| u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes();
    let zeros = [0; 64];
    let matrix: Vec<u8> = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000].into_iter().flat_map(word).collect();
    let (scale, duration) = (word(1000), word(SECONDS * 1000));
    let samples = SECONDS * FRAMES_A_SECOND;

    let kind = atom(*b"ftyp", &[b"isom\0\0\x02\0isomiso2mp41"]);
    let note = atom(*b"free", &[title.as_bytes()]);
    let data = atom(*b"mdat", &[jpeg]);
    let at = word(u32::try_from(kind.len() + note.len() + 8).unwrap_or(u32::MAX));

    // An elementary stream of still JPEGs, object type 0x6c.
    let stream = [&[0x04, 13, 0x6c, 0x11][..], &zeros[..3], &zeros[..8]].concat();
    let inner = u8::try_from(3 + stream.len() + 3).unwrap_or(u8::MAX);
    let descriptor = atom(*b"esds", &[&zeros[..4], &[0x03, inner, 0, 1, 0], &stream, &[0x06, 1, 2]]);
    let entry = atom(
        *b"mp4v",
        &[
            &zeros[..6],
            &[0, 1],
            &zeros[..16],
            &half(width),
            &half(height),
            &word(0x48_0000),
            &word(0x48_0000),
            &zeros[..4],
            &[0, 1],
            &zeros[..32],
            &[0, 24, 0xff, 0xff],
            &descriptor,
        ],
    );
    let table = |name: [u8; 4], parts: &[&[u8]]| atom(name, &[&[&zeros[..4]], parts].concat());
    // All samples are the same bytes: one chunk each.
    let offsets: Vec<u8> = (0..samples).flat_map(|_| at).collect();
    let samples_table = atom(
        *b"stbl",
        &[
            &table(*b"stsd", &[&word(1), &entry]),
            &table(*b"stts", &[&word(1), &word(samples), &word(1000 / FRAMES_A_SECOND)]),
            &table(*b"stsc", &[&word(1), &word(1), &word(1), &word(1)]),
            &table(*b"stsz", &[&word(u32::try_from(jpeg.len()).unwrap_or(u32::MAX)), &word(samples)]),
            &table(*b"stco", &[&word(samples), &offsets]),
        ],
    );
    let reference = atom(*b"dinf", &[&table(*b"dref", &[&word(1), &atom(*b"url ", &[&word(1)])])]);
    let media = atom(*b"minf", &[&atom(*b"vmhd", &[&word(1), &zeros[..8]]), &reference, &samples_table]);
    let handler = table(*b"hdlr", &[&zeros[..4], b"vide", &zeros[..12], b"updock-local\0"]);
    let media =
        atom(*b"mdia", &[&table(*b"mdhd", &[&zeros[..8], &scale, &duration, &[0x55, 0xc4, 0, 0]]), &handler, &media]);
    let track_head = atom(
        *b"tkhd",
        &[
            &word(3),
            &zeros[..8],
            &word(1),
            &zeros[..4],
            &duration,
            &zeros[..16],
            &matrix,
            &word(width << 16),
            &word(height << 16),
        ],
    );
    let movie = atom(
        *b"moov",
        &[
            &table(
                *b"mvhd",
                &[
                    &zeros[..8],
                    &scale,
                    &duration,
                    &word(0x1_0000),
                    &[1, 0],
                    &zeros[..10],
                    &matrix,
                    &zeros[..24],
                    &word(2),
                ],
            ),
            &atom(*b"trak", &[&track_head, &media]),
        ],
    );
    [kind, note, data, movie].concat()
}

fn ogg(title: &str) -> Vec<u8> {
    let short = |text: &str| [&u32::try_from(text.len()).unwrap_or(0).to_le_bytes()[..], text.as_bytes()].concat();
    // One channel, no samples to skip, 48 kHz.
    let head = b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0".to_vec();
    let title = format!("TITLE={title}");
    let tags = [&b"OpusTags"[..], &short("updock-local"), &1u32.to_le_bytes(), &short(&title)].concat();
    // Frames of 20 ms of silence.
    let frames = SECONDS * 50;
    let sound: Vec<&[u8]> = (0..frames).map(|_| &b"\xf8\xff\xfe"[..]).collect();
    [ogg_page(2, 0, 0, &[&head]), ogg_page(0, 0, 1, &[&tags]), ogg_page(4, u64::from(frames) * 960, 2, &sound)].concat()
}

fn ogg_page(flags: u8, position: u64, number: u32, packets: &[&[u8]]) -> Vec<u8> {
    let mut lengths = Vec::new();
    for packet in packets {
        lengths.extend(std::iter::repeat_n(255, packet.len() / 255));
        lengths.push(u8::try_from(packet.len() % 255).unwrap_or(0));
    }
    let mut page = [
        &b"OggS\0"[..],
        &[flags],
        &position.to_le_bytes(),
        &0x7570_646fu32.to_le_bytes(),
        &number.to_le_bytes(),
        &[0; 4],
        &[u8::try_from(lengths.len()).unwrap_or(u8::MAX)],
        &lengths,
        &packets.concat(),
    ]
    .concat();
    let sum = ogg_sum(&page).to_le_bytes();
    page[22..26].copy_from_slice(&sum);
    page
}

/// The check sum of Ogg: CRC-32 with the highest bit first, which the usual libraries do not compute.
fn ogg_sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            if sum & 0x8000_0000 == 0 { sum << 1 } else { (sum << 1) ^ 0x04c1_1db7 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::placeholder;
    use image::DynamicImage;

    #[test]
    fn every_format_is_recognised_and_says_what_it_is() {
        let said = placeholder::sentence("a video is not transcoded.");
        let picture = Picture::of(DynamicImage::from(placeholder::paint((320, 180), &said)));
        for (format, mime) in
            [(VideoFormat::Mp4, "video/mp4"), (VideoFormat::Webm, "video/webm"), (VideoFormat::Ogg, "audio/opus")]
        {
            let bytes = write(format, &picture, &said).unwrap();
            assert!(bytes.len() < 200_000, "{format:?}: {}", bytes.len());
            assert!(String::from_utf8_lossy(&bytes).contains(&said), "{format:?}");
            assert_eq!(infer::get(&bytes).map(|kind| kind.mime_type()), Some(mime), "{format:?}");
        }
    }

    #[test]
    fn the_check_sum_is_that_of_the_specification() {
        // CRC-32/MPEG-2 begins with ones; Ogg's with zeros. Of "123456789": 0x89a1897f.
        assert_eq!(ogg_sum(b"123456789"), 0x89a1_897f);
    }
}
