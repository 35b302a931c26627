//! What the service found inside a file: `content_info` and its parts.

use serde::{Deserialize, Serialize};

/// What was recognised in a file's bytes. Absent parts are omitted, not null. Source: Upload API, File info.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ContentInfo {
    /// The detected media type; may differ from the declared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<MimeInfo>,
    /// Facts of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageInfo>,
    /// Facts of a video or of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoInfo>,
}

/// A media type in whole and in halves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MimeInfo {
    /// `image/jpeg`.
    pub mime: String,
    /// `image`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `jpeg`.
    pub subtype: String,
}

impl MimeInfo {
    /// Splits `type/subtype`; a text without `/` gets an empty subtype.
    pub fn new(mime: &str) -> Self {
        let (kind, subtype) = mime.split_once('/').unwrap_or((mime, ""));
        Self { mime: mime.to_owned(), kind: kind.to_owned(), subtype: subtype.to_owned() }
    }
}

/// Facts of an image, in the order the service writes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageInfo {
    /// Dots per inch, horizontal and vertical.
    pub dpi: Option<[f64; 2]>,
    /// Pixels, as stored (before orientation).
    pub width: u32,
    /// `JPEG`, `PNG`, `GIF`, `WEBP`, ... in upper case.
    pub format: String,
    /// Pixels, as stored (before orientation).
    pub height: u32,
    /// Is it an animation?
    pub sequence: bool,
    /// How a pixel is coded.
    pub color_mode: ColorMode,
    /// EXIF orientation, 0 to 8.
    pub orientation: Option<u8>,
    /// Where it was taken.
    pub geo_location: Option<GeoLocation>,
    /// When it was taken, `2018-08-20T08:59:50`, without zone.
    pub datetime_original: Option<String>,
}

/// How a pixel is coded; the service may know more than these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ColorMode(pub String);

/// A place on Earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GeoLocation {
    /// North is positive.
    pub latitude: f64,
    /// East is positive.
    pub longitude: f64,
}

/// Facts of a video or of sound. Source: REST API v0.7, `content_info`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoInfo {
    /// Milliseconds; a fraction that the service tells is rounded.
    #[serde(deserialize_with = "rounded")]
    pub duration: Option<u64>,
    /// `mp4`, `webm`, ...
    pub format: String,
    /// Kilobits per second; a fraction that the service tells is rounded.
    #[serde(deserialize_with = "rounded")]
    pub bitrate: Option<u64>,
    /// Sound streams.
    pub audio: Vec<AudioStream>,
    /// Picture streams.
    pub video: Vec<VideoStream>,
}

/// One sound stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioStream {
    /// Kilobits per second; a fraction that the service tells is rounded.
    #[serde(deserialize_with = "rounded")]
    pub bitrate: Option<u64>,
    /// `aac`, ...
    pub codec: Option<String>,
    /// Hertz.
    pub sample_rate: Option<u32>,
    /// How many.
    pub channels: Option<u8>,
}

/// One picture stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoStream {
    /// Pixels.
    pub height: u32,
    /// Pixels.
    pub width: u32,
    /// Frames per second.
    pub frame_rate: f64,
    /// Kilobits per second; a fraction that the service tells is rounded.
    #[serde(deserialize_with = "rounded")]
    pub bitrate: Option<u64>,
    /// `h264`, ...
    pub codec: Option<String>,
}

/// Real traffic holds whole and fractional numbers alike.
fn rounded<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<f64>::deserialize(deserializer)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` stops at the ends of the range")]
    Ok(number.map(|number| number.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractional_durations_and_rates_are_read() {
        let text = r#"{"duration":1234.5,"format":"mp4","bitrate":null,"audio":[{"bitrate":78.4,"codec":"aac","sample_rate":44100,"channels":2}],"video":[]}"#;
        let video: VideoInfo = serde_json::from_str(text).unwrap();
        assert_eq!((video.duration, video.bitrate, video.audio[0].bitrate), (Some(1235), None, Some(78)));
    }
}
