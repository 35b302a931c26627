//! What a container of sound or video tells of its streams. Nothing is decoded; a few packets are looked at for the
//! frame rate. What is not told is left out, and a file that cannot be understood has no facts.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
};
use symphonia::core::{
    codecs::{CodecParameters, audio::well_known as sound, video::well_known as pictures},
    formats::{FormatOptions, FormatReader, Track, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
};
use updock_types::{AudioStream, VideoInfo, VideoStream};

/// Frames that tell the rate.
const FRAMES: usize = 48;
/// Packets read while looking for them.
const PACKETS: usize = 512;

/// The name of a container that is looked into.
pub(super) fn format(mime: &str) -> Option<&'static str> {
    Some(match mime {
        "video/mp4" | "video/x-m4v" => "mp4",
        "video/quicktime" => "mov",
        "video/webm" => "webm",
        "video/x-matroska" => "matroska",
        "audio/mpeg" => "mp3",
        "audio/mp4" | "audio/m4a" => "m4a",
        "audio/ogg" | "audio/opus" | "video/ogg" | "application/ogg" => "ogg",
        "audio/wav" | "audio/x-wav" => "wav",
        "audio/flac" | "audio/x-flac" => "flac",
        _ => return None,
    })
}

/// Looks into a container.
pub(super) fn look(file: File, format: &'static str, size: u64) -> Option<VideoInfo> {
    // A demuxer that panics on a hostile file must not take the upload with it.
    catch_unwind(AssertUnwindSafe(|| read(file, format, size))).ok().flatten()
}

fn read(file: File, format: &'static str, size: u64) -> Option<VideoInfo> {
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let (options, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let mut reader = symphonia::default::get_probe().probe(&Hint::new(), stream, options, metadata).ok()?;
    let whole = reader.media_info();
    let whole = whole.time_base.zip(whole.duration).and_then(|(base, duration)| base.calc_duration(duration));
    let longest = reader.tracks().iter().filter_map(seconds).fold(0.0, f64::max);
    let seconds = whole.map(|time| time.as_secs_f64()).filter(|seconds| *seconds > 0.0).unwrap_or(longest);
    let duration = (seconds > 0.0).then(|| whole_number(seconds * 1000.0)).flatten();
    #[expect(clippy::cast_precision_loss, reason = "a rate in kilobits is rounded anyway")]
    let bitrate = (seconds > 0.0).then(|| whole_number(size as f64 * 8.0 / 1000.0 / seconds)).flatten();
    let (mut audio, mut video) = (Vec::new(), Vec::new());
    for track in reader.tracks() {
        match &track.codec_params {
            Some(CodecParameters::Audio(params)) => audio.push(AudioStream {
                bitrate: None,
                codec: SOUND.iter().find(|(id, _)| *id == params.codec).map(|(_, name)| (*name).to_owned()),
                sample_rate: params.sample_rate,
                channels: params.channels.as_ref().and_then(|channels| u8::try_from(channels.count()).ok()),
            }),
            Some(CodecParameters::Video(params)) => {
                if let (Some(width), Some(height)) = (params.width, params.height) {
                    let codec = PICTURES.iter().find(|(id, _)| *id == params.codec);
                    let codec = codec.map(|(_, name)| (*name).to_owned());
                    video.push((track.id, u32::from(width), u32::from(height), codec));
                }
            }
            _ => {}
        }
    }
    let video: Vec<VideoStream> = match video.first() {
        None => Vec::new(),
        Some((id, ..)) => {
            let rate = frame_rate(&mut *reader, *id);
            let stream = |(_, width, height, codec)| {
                Some(VideoStream { height, width, frame_rate: rate?, bitrate: None, codec })
            };
            video.into_iter().filter_map(stream).collect()
        }
    };
    if audio.is_empty() && video.is_empty() {
        return None;
    }
    Some(VideoInfo { duration, format: format.to_owned(), bitrate, audio, video })
}

fn seconds(track: &Track) -> Option<f64> {
    let time = track.time_base?.calc_duration(track.duration?)?;
    Some(time.as_secs_f64())
}

/// Of the first frames: how many lie between the first and the last.
fn frame_rate(reader: &mut dyn FormatReader, id: u32) -> Option<f64> {
    let base = reader.tracks().iter().find(|track| track.id == id)?.time_base?;
    let mut shown = Vec::new();
    for _ in 0..PACKETS {
        match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == id => {
                shown.push((base.calc_time(packet.pts)?.as_secs_f64(), base.calc_duration(packet.dur)));
                if shown.len() == FRAMES {
                    break;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    // Frames are stored in another order than they are shown.
    shown.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (first, last) = (shown.first()?.0, shown.last()?.0);
    let between = u32::try_from(shown.len()).ok()? - 1;
    let rate = if between > 0 && last > first {
        f64::from(between) / (last - first)
    } else {
        1.0 / shown.first()?.1?.as_secs_f64()
    };
    (rate.is_finite() && rate > 0.0).then(|| (rate * 1000.0).round() / 1000.0)
}

fn whole_number(value: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` stops at the ends of the range")]
    value.is_finite().then(|| value.round() as u64)
}

const SOUND: &[(symphonia::core::codecs::audio::AudioCodecId, &str)] = &[
    (sound::CODEC_ID_AAC, "aac"),
    (sound::CODEC_ID_AC3, "ac3"),
    (sound::CODEC_ID_EAC3, "eac3"),
    (sound::CODEC_ID_ALAC, "alac"),
    (sound::CODEC_ID_FLAC, "flac"),
    (sound::CODEC_ID_MP3, "mp3"),
    (sound::CODEC_ID_OPUS, "opus"),
    (sound::CODEC_ID_VORBIS, "vorbis"),
    (sound::CODEC_ID_PCM_U8, "pcm_u8"),
    (sound::CODEC_ID_PCM_S16LE, "pcm_s16le"),
    (sound::CODEC_ID_PCM_S24LE, "pcm_s24le"),
    (sound::CODEC_ID_PCM_F32LE, "pcm_f32le"),
];

const PICTURES: &[(symphonia::core::codecs::video::VideoCodecId, &str)] = &[
    (pictures::CODEC_ID_AV1, "av1"),
    (pictures::CODEC_ID_H264, "h264"),
    (pictures::CODEC_ID_HEVC, "hevc"),
    (pictures::CODEC_ID_MJPEG, "mjpeg"),
    (pictures::CODEC_ID_MPEG4, "mpeg4"),
    (pictures::CODEC_ID_THEORA, "theora"),
    (pictures::CODEC_ID_VP8, "vp8"),
    (pictures::CODEC_ID_VP9, "vp9"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// One second of silence: 8000 samples of one channel, 16 bits each.
    pub(crate) fn wav() -> Vec<u8> {
        let mut file =
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x80\x3e\0\0".to_vec();
        file.extend(std::iter::repeat_n(0, 16_000));
        let size = u32::try_from(file.len() - 8).unwrap();
        file[4..8].copy_from_slice(&size.to_le_bytes());
        file
    }

    #[test]
    fn sound_tells_its_length_and_coding_and_damage_tells_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sound.wav");
        let whole = wav();
        let looked = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            look(File::open(&path).unwrap(), "wav", bytes.len() as u64)
        };
        let stream = AudioStream {
            bitrate: None,
            codec: Some("pcm_s16le".to_owned()),
            sample_rate: Some(8000),
            channels: Some(1),
        };
        let expected = VideoInfo {
            duration: Some(1000),
            format: "wav".to_owned(),
            bitrate: Some(128),
            audio: vec![stream],
            video: vec![],
        };
        assert_eq!(looked(&whole), Some(expected));
        for end in 0..44 {
            let _ = looked(&whole[..end]);
        }
        assert_eq!(looked(b"RIFF"), None);
        assert_eq!(looked(&[0; 5000]), None);
    }
}
