//! The language of CDN paths: `-/preview/300x200/-/format/webp/cat.webp` and what it asks for.
//!
//! Parsing needs no file. What is written back by `Display` is canonical and parses to the same operations again.
//! Sources: Uploadcare URL API: image resize and crop, rotation, compression, colors, file information.

mod measures;
#[cfg(test)]
mod tests;

pub(crate) use measures::{Alignment, Fill, Length};

use crate::percent;
use measures::{dimensions, lengths, sides};
use std::{borrow::Cow, fmt};

/// More in one path would only be a way to keep this machine busy.
const MAX_OPERATIONS: usize = 32;

/// One step, in the order of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Scales down, proportionally, to fit; never up.
    Preview {
        width: u32,
        height: u32,
    },
    /// Scales to these sides; one of them follows the other when it is not told.
    Resize {
        width: Option<u32>,
        height: Option<u32>,
    },
    /// Cuts out.
    Crop {
        width: Length,
        height: Length,
        at: Alignment,
    },
    /// Cuts out as much as has these proportions.
    CropRatio {
        width: u32,
        height: u32,
        at: Alignment,
    },
    /// Scales until the frame is covered, then cuts.
    ScaleCrop {
        width: u32,
        height: u32,
        focus: Focus,
    },
    /// How `resize` and `scale_crop` behind it treat a smaller image.
    Stretch(Stretch),
    /// What fills the room that an image leaves, and what is behind it in a JPEG.
    SetFill(Fill),
    Format(FormatChoice),
    Quality(Quality),
    Progressive(bool),
    /// Quarter turns against the clock, 0 to 3.
    Rotate(u8),
    /// Upside down.
    Flip,
    /// Left to right.
    Mirror,
    Autorotate(bool),
    Grayscale,
    Invert,
    /// Tenths of the standard deviation in pixels.
    Blur(u16),
    StripMeta(StripMeta),
    /// Shown, or saved?
    Inline(bool),
    /// Facts of the image in the place of the image.
    Json,
    /// So many colours in the place of the image.
    MainColors(u8),
}

/// What `scale_crop` keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Focus {
    At(Alignment),
    /// What matters most, as far as it is recognised; else what stands here.
    Smart(Smart, Option<Alignment>),
}

/// What a smart operation looks for; for whatever it likes when nothing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Smart {
    faces: bool,
    objects: bool,
    points: bool,
}

/// Declares an enum of words, with both ways between word and variant.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum $name { $($(#[$each])* $variant),+ }
        impl $name {
            const ALL: &[Self] = &[$(Self::$variant),+];
            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|choice| choice.word() == text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// What happens to an image that is smaller than the frame.
    Stretch { On = "on", Off = "off", Fill = "fill" }
}
words! {
    /// What is written.
    FormatChoice {
        /// What the client's `Accept` and the image's transparency suggest.
        Auto = "auto",
        Jpeg = "jpeg",
        Png = "png",
        WebP = "webp",
        /// As it came, if it came as JPEG or PNG.
        Preserve = "preserve",
    }
}
words! {
    /// How much an image may lose.
    Quality {
        Normal = "normal", Better = "better", Best = "best", Lighter = "lighter", Lightest = "lightest",
        Smart = "smart", SmartRetina = "smart_retina",
    }
}
words! {
    /// Which metadata goes. Nothing but the colour profile ever stays here.
    StripMeta { All = "all", Sensitive = "sensitive" }
}

/// Why a path asks for nothing that can be done. The sentence is for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Does the service know it, and only this stand-in does not?
    pub(crate) unavailable: bool,
    sentence: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Refused {
    fn new(sentence: impl Into<String>) -> Self {
        Self { unavailable: false, sentence: sentence.into() }
    }

    fn unavailable(sentence: impl Into<String>) -> Self {
        Self { unavailable: true, sentence: sentence.into() }
    }
}

/// What stands behind a file's UUID and a slash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Request {
    pub(crate) operations: Vec<Operation>,
    /// What the file shall be called when it is saved.
    pub(crate) name: Option<String>,
}

impl Request {
    /// Reads `cat.jpg`, `-/preview/`, `-/preview/-/format/webp/cat.webp`, or nothing.
    pub(crate) fn parse(path: &str) -> Result<Self, Refused> {
        let mut segments = Vec::new();
        for segment in path.split('/') {
            let decoded = String::from_utf8(percent::decode(segment));
            segments.push(decoded.map_err(|_| Refused::new("The path is no UTF-8."))?);
        }
        let mut segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let whole = segments.last() == Some(&"");
        if whole {
            segments.pop();
        }
        match segments.as_slice() {
            [] => return Ok(Self::default()),
            [name] if *name != "-" && !whole => return Ok(Self { operations: vec![], name: Some((*name).to_owned()) }),
            ["-", ..] => {}
            _ => {
                return Err(Refused::new(
                    "Behind a file's UUID stands a file name, or operations: /<uuid>/-/preview/.",
                ));
            }
        }
        let steps: Vec<&[&str]> = segments[1..].split(|segment| *segment == "-").collect();
        if steps.len() > MAX_OPERATIONS {
            return Err(Refused::new(format!("At most {MAX_OPERATIONS} operations fit into one path.")));
        }
        let mut request = Self::default();
        for (index, step) in steps.iter().enumerate() {
            let last = index + 1 == steps.len();
            let found = match (operation(step), step.split_last()) {
                // Without a slash at the end it may be a file's name.
                (Err(refused), Some((name, step))) if last && !whole && !step.is_empty() => {
                    request.name = Some((*name).to_owned());
                    operation(step).map_err(|_| refused)?
                }
                (found, _) => found?,
            };
            request.operations.push(found);
        }
        Ok(request)
    }

    /// Would the service take these operations, as they stand behind the first `-/`? What it takes and this stand-in
    /// cannot do is fine.
    pub(crate) fn check_effects(effects: &str) -> Result<(), Refused> {
        for step in effects.trim_end_matches('/').split("/-/") {
            match Self::parse(&format!("-/{step}/")) {
                Err(refused) if !refused.unavailable => return Err(refused),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Operations that the service has and this stand-in has not. Source: Uploadcare URL API.
const UNAVAILABLE: &[&str] = &[
    "adjust",
    "ai",
    "blur_faces",
    "blur_region",
    "border_radius",
    "brightness",
    "contrast",
    "detect_faces",
    "document",
    "enhance",
    "exposure",
    "filter",
    "gamma",
    "gif2video",
    "hue",
    "max_icc_size",
    "overlay",
    "rasterize",
    "rect",
    "saturation",
    "sharp",
    "smart_resize",
    "srgb",
    "text",
    "text_align",
    "text_box",
    "vibrance",
    "video",
    "warmth",
    "zoom_objects",
];

/// Reads one operation and what it takes.
fn operation(step: &[&str]) -> Result<Operation, Refused> {
    let Some((name, arguments)) = step.split_first() else {
        return Err(Refused::new("An operation is missing between two separators (-/)."));
    };
    let Some((_, usage)) = USAGE.iter().find(|(known, _)| known == name) else {
        let name = shortened(name);
        return Err(if UNAVAILABLE.contains(&&*name) {
            Refused::unavailable(format!("The operation \"{name}\" is not available in this stand-in."))
        } else {
            Refused::new(format!("There is no operation \"{name}\"."))
        });
    };
    if let ("crop", ["face" | "image", ..]) = (*name, arguments) {
        return Err(Refused::unavailable("Cropping to a face or an object is not available in this stand-in."));
    }
    match (*name, arguments) {
        ("format", ["avif"]) => {
            return Err(Refused::unavailable("The format \"avif\" is not available in this stand-in; take \"webp\"."));
        }
        ("strip_meta", ["none"]) => {
            return Err(Refused::unavailable("Keeping metadata is not available in this stand-in."));
        }
        ("blur", [_, _]) => return Err(Refused::unavailable("Unsharp masking is not available in this stand-in.")),
        _ => {}
    }
    read(name, arguments).ok_or_else(|| Refused::new(format!("The operation \"{name}\" takes {usage}.")))
}

/// What each operation takes, in words.
const USAGE: &[(&str, &str)] = &[
    ("preview", "nothing, or two dimensions in pixels: -/preview/300x200/"),
    ("resize", "one or two dimensions in pixels: -/resize/300x200/, -/resize/300x/ or -/resize/x200/"),
    (
        "crop",
        "two dimensions in pixels or percent, or a ratio, and perhaps an alignment: -/crop/300x200/center/, \
         -/crop/50px50p/10,20/ or -/crop/16:9/top/",
    ),
    (
        "scale_crop",
        "two dimensions in pixels, and perhaps \"smart\" and an alignment: -/scale_crop/300x200/center/ or \
         -/scale_crop/300x200/smart/50p,25p/",
    ),
    ("stretch", "\"on\", \"off\" or \"fill\""),
    ("setfill", "a colour of three, six or eight hexadecimal digits: -/setfill/ece3d2/"),
    ("format", "\"auto\", \"jpeg\", \"png\", \"webp\" or \"preserve\""),
    ("quality", "\"normal\", \"better\", \"best\", \"lighter\", \"lightest\", \"smart\" or \"smart_retina\""),
    ("progressive", "\"yes\" or \"no\""),
    ("rotate", "an angle that is a multiple of 90, against the clock: -/rotate/90/"),
    ("flip", "nothing"),
    ("mirror", "nothing"),
    ("autorotate", "\"yes\" or \"no\""),
    ("grayscale", "nothing"),
    ("invert", "nothing"),
    ("blur", "nothing, or a strength from 0 to 5000: -/blur/20/"),
    ("strip_meta", "\"all\" or \"sensitive\""),
    ("inline", "\"yes\" or \"no\""),
    ("json", "nothing"),
    ("main_colors", "nothing, or a number from 1 to 16: -/main_colors/3/"),
];

fn read(name: &str, arguments: &[&str]) -> Option<Operation> {
    use Operation as O;
    Some(match (name, arguments) {
        ("preview", []) => O::Preview { width: 2048, height: 2048 },
        ("preview", [size]) => {
            let (width, height) = dimensions(size)?;
            O::Preview { width, height }
        }
        ("resize", [size]) => {
            let (width, height) = sides(size)?;
            O::Resize { width, height }
        }
        ("crop", [size, rest @ ..]) => {
            let at = match rest {
                [] => Alignment::TOP_LEFT,
                [at] => Alignment::parse(at)?,
                _ => return None,
            };
            if let Some((width, height)) = size.split_once(':') {
                O::CropRatio { width: measures::side(width)?, height: measures::side(height)?, at }
            } else {
                let (width, height) = lengths(size)?;
                O::Crop { width, height, at }
            }
        }
        ("scale_crop", [size, rest @ ..]) => {
            let (width, height) = dimensions(size)?;
            let focus = match rest {
                [] => Focus::At(Alignment::TOP_LEFT),
                [one] if one.starts_with("smart") => Focus::Smart(Smart::parse(one)?, None),
                [at] => Focus::At(Alignment::parse(at)?),
                [smart, at] => Focus::Smart(Smart::parse(smart)?, Some(Alignment::parse(at)?)),
                _ => return None,
            };
            O::ScaleCrop { width, height, focus }
        }
        ("stretch", [mode]) => O::Stretch(Stretch::parse(mode)?),
        ("setfill", [colour]) => O::SetFill(Fill::parse(colour)?),
        ("format", [format]) => O::Format(FormatChoice::parse(format)?),
        ("quality", [quality]) => O::Quality(Quality::parse(quality)?),
        ("progressive", [choice]) => O::Progressive(yes(choice)?),
        ("rotate", [angle]) => {
            let angle: i32 = angle.parse().ok()?;
            if angle % 90 != 0 {
                return None;
            }
            O::Rotate(u8::try_from((angle / 90).rem_euclid(4)).ok()?)
        }
        ("flip", []) => O::Flip,
        ("mirror", []) => O::Mirror,
        ("autorotate", [choice]) => O::Autorotate(yes(choice)?),
        ("grayscale", []) => O::Grayscale,
        ("invert", []) => O::Invert,
        ("blur", []) => O::Blur(10),
        ("blur", [strength]) => {
            O::Blur(measures::digits(strength)?.try_into().ok().filter(|strength| *strength <= 5000)?)
        }
        ("strip_meta", [what]) => O::StripMeta(StripMeta::parse(what)?),
        ("inline", [choice]) => O::Inline(yes(choice)?),
        ("json", []) => O::Json,
        ("main_colors", []) => O::MainColors(3),
        ("main_colors", [count]) => {
            O::MainColors(measures::digits(count)?.try_into().ok().filter(|count| (1..=16).contains(count))?)
        }
        _ => return None,
    })
}

fn yes(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// A name from a path, short enough for a sentence.
fn shortened(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &name[..end]).into(),
        None => name.into(),
    }
}

impl Smart {
    fn parse(text: &str) -> Option<Self> {
        let mut smart = Self::default();
        for word in text.strip_prefix("smart")?.split_terminator('_').skip(1) {
            match word {
                "faces" => smart.faces = true,
                "objects" => smart.objects = true,
                "points" => smart.points = true,
                _ => return None,
            }
        }
        // `smartest` begins like it too.
        (text == "smart" || text.starts_with("smart_")).then_some(smart)
    }
}

impl fmt::Display for Smart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("smart")?;
        for (set, word) in [(self.faces, "_faces"), (self.objects, "_objects"), (self.points, "_points")] {
            if set {
                f.write_str(word)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |choice: bool| if choice { "yes" } else { "no" };
        let side = |side: Option<u32>| side.map(|side| side.to_string()).unwrap_or_default();
        match *self {
            Self::Preview { width, height } => write!(f, "-/preview/{width}x{height}/"),
            Self::Resize { width, height } => write!(f, "-/resize/{}x{}/", side(width), side(height)),
            Self::Crop { width, height, at } => write!(f, "-/crop/{width}x{height}/{at}/"),
            Self::CropRatio { width, height, at } => write!(f, "-/crop/{width}:{height}/{at}/"),
            Self::ScaleCrop { width, height, focus } => {
                write!(f, "-/scale_crop/{width}x{height}/")?;
                match focus {
                    Focus::At(at) => write!(f, "{at}/"),
                    Focus::Smart(smart, None) => write!(f, "{smart}/"),
                    Focus::Smart(smart, Some(at)) => write!(f, "{smart}/{at}/"),
                }
            }
            Self::Stretch(mode) => write!(f, "-/stretch/{mode}/"),
            Self::SetFill(fill) => write!(f, "-/setfill/{fill}/"),
            Self::Format(format) => write!(f, "-/format/{format}/"),
            Self::Quality(quality) => write!(f, "-/quality/{quality}/"),
            Self::Progressive(choice) => write!(f, "-/progressive/{}/", yes(choice)),
            Self::Rotate(quarters) => write!(f, "-/rotate/{}/", u16::from(quarters) * 90),
            Self::Flip => f.write_str("-/flip/"),
            Self::Mirror => f.write_str("-/mirror/"),
            Self::Autorotate(choice) => write!(f, "-/autorotate/{}/", yes(choice)),
            Self::Grayscale => f.write_str("-/grayscale/"),
            Self::Invert => f.write_str("-/invert/"),
            Self::Blur(strength) => write!(f, "-/blur/{strength}/"),
            Self::StripMeta(what) => write!(f, "-/strip_meta/{what}/"),
            Self::Inline(choice) => write!(f, "-/inline/{}/", yes(choice)),
            Self::Json => f.write_str("-/json/"),
            Self::MainColors(count) => write!(f, "-/main_colors/{count}/"),
        }
    }
}
