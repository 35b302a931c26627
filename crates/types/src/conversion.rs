//! Conversion paths: `<uuid>/document/-/format/pdf/` and `<uuid>/video/-/size/640x/-/thumbs~2/`.
//!
//! Here is the grammar: what a path asks for, and its canonical form, under which the source file remembers what came
//! of it. Which formats can be made of which file, and which resolutions the service offers, is left to who converts.
//! Invariant: a printed path reads back as the same path. Source: REST API v0.7, Conversion.

use crate::FileUuid;
use std::fmt::{self, Write};

/// A conversion that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionPath {
    /// Of which file.
    pub file: FileUuid,
    /// To what.
    pub target: ConversionTarget,
}

/// What is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversionTarget {
    /// `document/...`
    Document(DocumentTarget),
    /// `video/...`
    Video(VideoTarget),
}

/// What is to be made of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentTarget {
    /// `pdf`, `jpg`, `enhanced.jpg`, ...: lower case, open.
    pub format: String,
    /// One page instead of all, from 1.
    pub page: Option<u32>,
    /// Dots per inch of the image.
    pub dpi: Option<u32>,
    /// Quality of the image.
    pub quality: Option<u32>,
}

impl Default for DocumentTarget {
    /// All of it as PDF.
    fn default() -> Self {
        Self { format: "pdf".to_owned(), page: None, dpi: None, quality: None }
    }
}

/// What is to be made of a video.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VideoTarget {
    /// The container.
    pub format: VideoFormat,
    /// How good.
    pub quality: VideoQuality,
    /// How large; as it is when absent.
    pub size: Option<VideoSize>,
    /// Which stretch; all when absent.
    pub cut: Option<Cut>,
    /// Still pictures.
    pub thumbs: Thumbs,
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $(#[$first_doc:meta])* $first:ident $first_text:literal, $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub enum $type {
            $(#[$first_doc])* #[default] $first,
            $($(#[$variant_doc])* $variant,)*
        }

        impl $type {
            /// Every one.
            pub const ALL: &[Self] = &[Self::$first, $(Self::$variant,)*];

            /// As it stands in a path.
            pub const fn as_str(self) -> &'static str {
                match self { Self::$first => $first_text, $(Self::$variant => $text,)* }
            }

            fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

words! {
    /// A container of video.
    VideoFormat {
        /// The default.
        Mp4 "mp4",
        /// For browsers without patents.
        Webm "webm",
        /// The oldest.
        Ogg "ogg",
    }
}

words! {
    /// How good a video is to be.
    VideoQuality {
        /// The default.
        Normal "normal",
        /// Larger files.
        Better "better",
        /// The largest files.
        Best "best",
        /// Smaller files.
        Lighter "lighter",
        /// The smallest files.
        Lightest "lightest",
    }
}

words! {
    /// What happens to a picture that does not fit its new size.
    ResizeMode {
        /// It becomes as large as fits; the default.
        PreserveRatio "preserve_ratio",
        /// It is stretched.
        ChangeRatio "change_ratio",
        /// What sticks out is cut off.
        ScaleCrop "scale_crop",
        /// What is empty becomes black.
        AddPadding "add_padding",
    }
}

/// A new size of a video: `640x480`, `640x`, `x480`. At least one side; each is a positive multiple of 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoSize {
    width: Option<u32>,
    height: Option<u32>,
    /// What happens if the ratio is another.
    pub mode: ResizeMode,
}

impl VideoSize {
    fn parse(text: &str, mode: ResizeMode) -> Option<Self> {
        let (width, height) = text.split_once('x')?;
        let side = |text: &str| match text {
            "" => Some(None),
            text => number(text).filter(|side| *side > 0 && side % 4 == 0).map(Some),
        };
        let (width, height) = (side(width)?, side(height)?);
        (width.is_some() || height.is_some()).then_some(Self { width, height, mode })
    }

    /// Pixels; follows the other side when absent.
    pub fn width(&self) -> Option<u32> {
        self.width
    }

    /// Pixels; follows the other side when absent.
    pub fn height(&self) -> Option<u32> {
        self.height
    }
}

/// A stretch of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// From where.
    pub start: ClipTime,
    /// How long; to the end when absent.
    pub length: Option<ClipTime>,
}

/// A time in a video, in milliseconds: read as seconds (`2`, `2.5`) or `[H:]M:S[.fff]`, written `H:M:S.f`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClipTime {
    millis: u64,
}

impl ClipTime {
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let mut seconds = 0u64;
        if whole.split(':').count() > 3 {
            return None;
        }
        for part in whole.split(':') {
            seconds = seconds * 60 + u64::from(number(part)?);
        }
        let fraction = match fraction {
            None => 0,
            Some(digits) if (1..=3).contains(&digits.len()) => number(&format!("{digits:0<3}"))?,
            Some(_) => return None,
        };
        Some(Self { millis: seconds * 1000 + u64::from(fraction) })
    }

    /// Milliseconds.
    pub fn as_millis(self) -> u64 {
        self.millis
    }
}

impl fmt::Display for ClipTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.millis / 1000;
        write!(f, "{}:{}:{}.", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        let fraction = format!("{:03}", self.millis % 1000);
        f.write_str(match fraction.trim_end_matches('0') {
            "" => "0",
            digits => digits,
        })
    }
}

/// Still pictures of a video, evenly spread: `thumbs~3`, or one of them, `thumbs~3/0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thumbs {
    count: u8,
    only: Option<u8>,
}

impl Default for Thumbs {
    /// One, from the middle.
    fn default() -> Self {
        Self { count: 1, only: None }
    }
}

impl Thumbs {
    /// Most of one video.
    pub const MAX: u8 = 50;

    /// How many the video is spread over.
    pub fn count(self) -> u8 {
        self.count
    }

    /// Which of them are asked for, from 0.
    pub fn wanted(self) -> std::ops::Range<u8> {
        self.only.map_or(0..self.count, |only| only..only + 1)
    }
}

/// Why a text is no [`ConversionPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConversionPathError {
    /// It does not start with a file and `document` or `video`, or its operations are not set off by `-/`.
    #[error("not a conversion path: expected `<uuid>/document/-/format/pdf/` or `<uuid>/video/-/format/mp4/`")]
    Shape,
    /// An operation that this kind of conversion does not have.
    #[error("unknown operation `{operation}`")]
    Operation {
        /// With its arguments.
        operation: String,
    },
    /// An operation lacks an argument, or has one it does not take.
    #[error("`{operation}` lacks a valid argument {argument}")]
    Argument {
        /// What the service calls it, e.g. `OneOrTwoDimensionsDivisibleByFour(size)`.
        argument: &'static str,
        /// With its arguments.
        operation: String,
    },
}

impl ConversionPath {
    /// Longest path in bytes; ours, the service's is not published.
    pub const MAX_LEN: usize = 2048;

    /// Reads a path, bare or behind a CDN's address, with or without the outer slashes and a file name at the end.
    pub fn parse(text: &str) -> Result<Self, ConversionPathError> {
        if text.len() > Self::MAX_LEN || text.contains(['?', '#']) {
            return Err(ConversionPathError::Shape);
        }
        let path = match text.split_once("://") {
            Some(("http" | "https", rest)) => rest.split_once('/').ok_or(ConversionPathError::Shape)?.1,
            Some(_) => return Err(ConversionPathError::Shape),
            None => text.strip_prefix('/').unwrap_or(text),
        };
        let mut segments = path.split('/');
        let file = segments.next().and_then(|uuid| FileUuid::parse(uuid).ok()).ok_or(ConversionPathError::Shape)?;
        let kind = segments.next();
        let rest: Vec<&str> = segments.collect();
        let operations = operations(&rest)?;
        let target = match kind {
            Some("document") => ConversionTarget::Document(document(&operations)?),
            Some("video") => ConversionTarget::Video(video(&operations)?),
            _ => return Err(ConversionPathError::Shape),
        };
        Ok(Self { file, target })
    }
}

impl fmt::Display for ConversionPath {
    /// The canonical form behind the file's UUID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            ConversionTarget::Document(target) => write!(f, "{}/{}", self.file, target.canonical()),
            ConversionTarget::Video(target) => {
                write!(f, "{}/{}-/thumbs~{}/", self.file, target.canonical(), target.thumbs.count)?;
                target.thumbs.only.map_or(Ok(()), |only| write!(f, "{only}/"))
            }
        }
    }
}

impl DocumentTarget {
    /// The key in the source's `variations`: `document/-/format/jpg/-/page/1/`.
    pub fn canonical(&self) -> String {
        let mut text = format!("document/-/format/{}/", self.format);
        for (name, value) in [("dpi", self.dpi), ("quality", self.quality), ("page", self.page)] {
            if let Some(value) = value {
                let _ = write!(text, "-/{name}/{value}/"); // writing to a String cannot fail
            }
        }
        text
    }
}

impl VideoTarget {
    /// The key in the source's `variations`, without thumbnails: `video/-/format/webm/-/quality/normal/`.
    pub fn canonical(&self) -> String {
        let mut text = format!("video/-/format/{}/-/quality/{}/", self.format.as_str(), self.quality.as_str());
        // Writing to a String cannot fail.
        if let Some(size) = self.size {
            let side = |side: Option<u32>| side.map_or(String::new(), |side| side.to_string());
            let _ = write!(text, "-/size/{}x{}/{}/", side(size.width), side(size.height), size.mode.as_str());
        }
        if let Some(cut) = self.cut {
            let length = cut.length.map_or("end".to_owned(), |length| length.to_string());
            let _ = write!(text, "-/cut/{}/{length}/", cut.start);
        }
        text
    }

    /// The key of thumbnail `index`: `video/-/format/webm/-/quality/normal/-/thumbs~2/0/`.
    pub fn canonical_thumb(&self, index: u8) -> String {
        format!("{}-/thumbs~{}/{index}/", self.canonical(), self.thumbs.count)
    }
}

/// Decimal digits that fit; `u32::from_str` alone would take a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// An operation and its arguments.
struct Operation<'a> {
    words: Vec<&'a str>,
}

impl Operation<'_> {
    fn name(&self) -> &str {
        self.words.first().map_or("", |name| name)
    }

    /// Argument `at`, from 1; empty when there is none.
    fn argument(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| word)
    }

    fn lacks(&self, argument: &'static str) -> ConversionPathError {
        ConversionPathError::Argument { argument, operation: self.words.join("/") }
    }

    fn number(&self, argument: &'static str) -> Result<u32, ConversionPathError> {
        self.only(1, argument)?;
        number(self.argument(1)).filter(|value| *value > 0).ok_or_else(|| self.lacks(argument))
    }

    fn only(&self, count: usize, argument: &'static str) -> Result<(), ConversionPathError> {
        if self.words.len() > count + 1 { Err(self.lacks(argument)) } else { Ok(()) }
    }

    fn unknown(&self) -> ConversionPathError {
        ConversionPathError::Operation { operation: self.words.join("/") }
    }
}

/// `-/format/pdf/-/page/1/` or nothing, and perhaps a file name: what stands last, has a dot, and follows a whole
/// operation.
fn operations<'a>(segments: &[&'a str]) -> Result<Vec<Operation<'a>>, ConversionPathError> {
    let mut operations: Vec<Operation<'_>> = Vec::new();
    let mut segments = segments;
    match segments {
        [rest @ .., ""] => segments = rest,
        // `format/enhanced.jpg` has one argument with a dot, and no file name.
        [rest @ .., name] if name.contains('.') && !matches!(rest, [.., "-", _] | [.., "-", "cut", _]) => {
            segments = rest;
        }
        _ => {}
    }
    for (at, segment) in segments.iter().enumerate() {
        match (*segment, operations.last_mut()) {
            ("-", Some(last)) if last.words.is_empty() => return Err(ConversionPathError::Shape),
            ("-", _) if at + 1 < segments.len() => operations.push(Operation { words: Vec::new() }),
            ("" | "-", _) | (_, None) => return Err(ConversionPathError::Shape),
            (word, Some(operation)) => operation.words.push(word),
        }
    }
    Ok(operations)
}

fn document(operations: &[Operation<'_>]) -> Result<DocumentTarget, ConversionPathError> {
    let mut target = DocumentTarget::default();
    for operation in operations {
        match operation.name() {
            "format" => {
                operation.only(1, "Format(format)")?;
                let format = operation.argument(1).to_ascii_lowercase();
                let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
                if !(1..=32).contains(&format.len()) || !format.bytes().all(known) || format == "-" {
                    return Err(operation.lacks("Format(format)"));
                }
                target.format = format;
            }
            "page" => target.page = Some(operation.number("PositiveInteger(page)")?),
            "dpi" => target.dpi = Some(operation.number("PositiveInteger(dpi)")?),
            "quality" => target.quality = Some(operation.number("PositiveInteger(quality)")?),
            _ => return Err(operation.unknown()),
        }
    }
    Ok(target)
}

fn video(operations: &[Operation<'_>]) -> Result<VideoTarget, ConversionPathError> {
    let mut target = VideoTarget::default();
    for operation in operations {
        let first = operation.argument(1);
        match operation.name() {
            "format" => {
                operation.only(1, "VideoFormat(format)")?;
                target.format = VideoFormat::parse(first).ok_or_else(|| operation.lacks("VideoFormat(format)"))?;
            }
            "quality" => {
                operation.only(1, "VideoQuality(quality)")?;
                target.quality = VideoQuality::parse(first).ok_or_else(|| operation.lacks("VideoQuality(quality)"))?;
            }
            "size" => {
                let argument = "OneOrTwoDimensionsDivisibleByFour(size)";
                operation.only(2, "ResizeMode(size)")?;
                let mode = match operation.argument(2) {
                    "" => Some(ResizeMode::default()),
                    text => ResizeMode::parse(text),
                };
                // The dimensions are looked at first: what is said of `size/x/wrong` is that they are missing.
                let size =
                    VideoSize::parse(first, mode.unwrap_or_default()).ok_or_else(|| operation.lacks(argument))?;
                mode.ok_or_else(|| operation.lacks("ResizeMode(size)"))?;
                target.size = Some(size);
            }
            "cut" => {
                operation.only(2, "Duration(cut)")?;
                let start = ClipTime::parse(first).ok_or_else(|| operation.lacks("Timestamp(cut)"))?;
                let length = match operation.argument(2) {
                    "end" => None,
                    text => Some(ClipTime::parse(text).filter(|length| length.as_millis() > 0))
                        .flatten()
                        .map(Some)
                        .ok_or_else(|| operation.lacks("Duration(cut)"))?,
                };
                target.cut = Some(Cut { start, length });
            }
            name => {
                let count = name.strip_prefix("thumbs~").ok_or_else(|| operation.unknown())?;
                operation.only(1, "ThumbnailIndex(thumbs)")?;
                let count = number(count).and_then(|count| u8::try_from(count).ok());
                let count = count.filter(|count| (1..=Thumbs::MAX).contains(count));
                let count = count.ok_or_else(|| operation.lacks("ThumbnailCount(thumbs)"))?;
                let only = match first {
                    "" => None,
                    text => Some(
                        number(text)
                            .and_then(|only| u8::try_from(only).ok())
                            .filter(|only| *only < count)
                            .ok_or_else(|| operation.lacks("ThumbnailIndex(thumbs)"))?,
                    ),
                };
                target.thumbs = Thumbs { count, only };
            }
        }
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UUID: &str = "740e1b8c-1ad8-4324-b7ec-112c79d8eac2";

    fn canonical(rest: &str) -> String {
        let path = ConversionPath::parse(&format!("{UUID}/{rest}")).unwrap_or_else(|error| panic!("{rest}: {error}"));
        path.to_string().strip_prefix(&format!("{UUID}/")).unwrap().to_owned()
    }

    #[test]
    fn defaults_are_filled_in_and_the_order_is_fixed() {
        for (rest, expected) in [
            ("document/", "document/-/format/pdf/"),
            ("document", "document/-/format/pdf/"),
            ("document/-/format/JPG/-/page/1/", "document/-/format/jpg/-/page/1/"),
            ("document/-/page/1/-/format/jpg/", "document/-/format/jpg/-/page/1/"),
            ("document/-/format/enhanced.jpg", "document/-/format/enhanced.jpg/"),
            ("document/-/format/jpg/-/dpi/150/-/quality/80/", "document/-/format/jpg/-/dpi/150/-/quality/80/"),
            ("document/-/format/pdf/report.pdf", "document/-/format/pdf/"),
            ("document/report.pdf", "document/-/format/pdf/"),
            ("video/", "video/-/format/mp4/-/quality/normal/-/thumbs~1/"),
            ("video/-/format/webm/-/thumbs~2/", "video/-/format/webm/-/quality/normal/-/thumbs~2/"),
            (
                "video/-/thumbs~2/1/-/size/640x/",
                "video/-/format/mp4/-/quality/normal/-/size/640x/preserve_ratio/-/thumbs~2/1/",
            ),
            (
                "video/-/size/x480/add_padding/-/quality/best/",
                "video/-/format/mp4/-/quality/best/-/size/x480/add_padding/-/thumbs~1/",
            ),
            ("video/-/cut/0:0:0.0/end/", "video/-/format/mp4/-/quality/normal/-/cut/0:0:0.0/end/-/thumbs~1/"),
            ("video/-/cut/2:30.535/75", "video/-/format/mp4/-/quality/normal/-/cut/0:2:30.535/0:1:15.0/-/thumbs~1/"),
            ("video/-/cut/1/0.5", "video/-/format/mp4/-/quality/normal/-/cut/0:0:1.0/0:0:0.5/-/thumbs~1/"),
        ] {
            assert_eq!(canonical(rest), expected, "{rest}");
        }
        let behind_a_host = ConversionPath::parse(&format!("https://ucarecdn.com/{UUID}/video/-/format/ogg/"));
        assert_eq!(behind_a_host, ConversionPath::parse(&format!("/{UUID}/video/-/format/ogg")));
    }

    #[test]
    fn variations_are_keyed_as_recorded() {
        let path = ConversionPath::parse(&format!("{UUID}/video/-/format/webm/-/thumbs~2/")).unwrap();
        let ConversionTarget::Video(video) = path.target else { panic!("a video") };
        assert_eq!(video.canonical(), "video/-/format/webm/-/quality/normal/");
        let thumbs: Vec<_> = video.thumbs.wanted().map(|at| video.canonical_thumb(at)).collect();
        assert_eq!(
            thumbs,
            [
                "video/-/format/webm/-/quality/normal/-/thumbs~2/0/",
                "video/-/format/webm/-/quality/normal/-/thumbs~2/1/"
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for text in [
            "",
            "invalid",
            UUID,
            &format!("{UUID}/"),
            &format!("{UUID}/image/"),
            &format!("{UUID}/document/format/pdf/"),
            &format!("{UUID}/document/-/"),
            &format!("{UUID}/document/-/-/format/pdf/"),
            &format!("{UUID}/document//-/format/pdf/"),
            &format!("{UUID}/document/-/format/pdf/?a=b"),
            &format!("ftp://host/{UUID}/document/"),
            &format!("https://{UUID}"),
        ] {
            assert_eq!(ConversionPath::parse(text), Err(ConversionPathError::Shape), "{text}");
        }
        for (rest, argument) in [
            ("video/-/size/x/change_ratio/", "OneOrTwoDimensionsDivisibleByFour(size)"),
            ("video/-/size/641x480/", "OneOrTwoDimensionsDivisibleByFour(size)"),
            ("video/-/size/0x0/", "OneOrTwoDimensionsDivisibleByFour(size)"),
            ("video/-/size/640x480/wrong/", "ResizeMode(size)"),
            ("video/-/format/avi/", "VideoFormat(format)"),
            ("video/-/quality/superb/", "VideoQuality(quality)"),
            ("video/-/cut/x/end/", "Timestamp(cut)"),
            ("video/-/cut/9:9:9:9/end/", "Timestamp(cut)"),
            ("video/-/cut/0/0/", "Duration(cut)"),
            ("video/-/cut/0/", "Duration(cut)"),
            ("video/-/thumbs~0/", "ThumbnailCount(thumbs)"),
            ("video/-/thumbs~51/", "ThumbnailCount(thumbs)"),
            ("video/-/thumbs~2/2/", "ThumbnailIndex(thumbs)"),
            ("document/-/page/0/", "PositiveInteger(page)"),
            ("document/-/page/+1/", "PositiveInteger(page)"),
            ("document/-/format/", "Format(format)"),
            ("document/-/format/a%20b/", "Format(format)"),
        ] {
            match ConversionPath::parse(&format!("{UUID}/{rest}")) {
                Err(ConversionPathError::Argument { argument: found, .. }) => assert_eq!(found, argument, "{rest}"),
                other => panic!("{rest}: {other:?}"),
            }
        }
        for rest in ["video/-/page/1/", "document/-/thumbs~2/", "video/-/thumbs/2/"] {
            let found = ConversionPath::parse(&format!("{UUID}/{rest}"));
            assert!(matches!(found, Err(ConversionPathError::Operation { .. })), "{rest}: {found:?}");
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("-".to_owned()),
            Just(String::new()),
            "(document|video|format|page|dpi|quality|size|cut|end|thumbs~[0-9]{1,3})",
            "(pdf|jpg|enhanced\\.jpg|mp4|webm|ogg|normal|best|change_ratio)",
            "[0-9]{0,4}x[0-9]{0,4}",
            "[0-9:.]{0,12}",
            "\\PC{0,6}",
        ]
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}", pieces in prop::collection::vec(piece(), 0..10)) {
            let _ = ConversionPath::parse(&text);
            let _ = ConversionPath::parse(&format!("{UUID}/{}", pieces.join("/")));
        }

        #[test]
        fn what_is_printed_reads_back_as_the_same(kind in "(document|video)", pieces in prop::collection::vec(piece(), 0..10)) {
            if let Ok(path) = ConversionPath::parse(&format!("{UUID}/{kind}/-/{}", pieces.join("/"))) {
                prop_assert_eq!(ConversionPath::parse(&path.to_string()), Ok(path));
            }
        }

        #[test]
        fn every_video_reads_back(
            format in 0..3usize, quality in 0..5usize, mode in 0..4usize, width in 0..1000u32, height in 0..1000u32,
            cut in prop::option::of((0..10_000_000u64, prop::option::of(1..10_000_000u64))),
            (count, only) in (1..=50u8).prop_flat_map(|count| (Just(count), prop::option::of(0..count))),
        ) {
            let side = |side: u32| (side > 0).then_some(side * 4);
            let size = VideoSize { width: side(width), height: side(height), mode: ResizeMode::ALL[mode] };
            let cut = cut.map(|(start, length)| Cut {
                start: ClipTime { millis: start },
                length: length.map(|millis| ClipTime { millis }),
            });
            let target = VideoTarget {
                format: VideoFormat::ALL[format],
                quality: VideoQuality::ALL[quality],
                size: (width + height > 0).then_some(size),
                cut,
                thumbs: Thumbs { count, only },
            };
            let path = ConversionPath { file: FileUuid::parse(UUID).unwrap(), target: ConversionTarget::Video(target) };
            prop_assert_eq!(ConversionPath::parse(&path.to_string()), Ok(path));
        }
    }
}
