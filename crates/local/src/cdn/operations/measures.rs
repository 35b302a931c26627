//! The small words of CDN paths: `300x200`, `50px25p`, `10,20`, `center`, `ece3d2`.

use std::fmt;

/// Wider than any image that is worked on; a number beyond is a mistake.
const MAX_SIDE: u32 = 99_999;

/// Decimal digits only, not even a sign.
pub(super) fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A side: at least one pixel.
pub(super) fn side(text: &str) -> Option<u32> {
    digits(text).filter(|side| (1..=MAX_SIDE).contains(side))
}

/// `300x200`.
pub(super) fn dimensions(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((side(width)?, side(height)?))
}

/// `300x200`, `300x` or `x200`.
pub(super) fn sides(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let (width, height) = text.split_once('x')?;
    let one = |text: &str| if text.is_empty() { Some(None) } else { side(text).map(Some) };
    let found = (one(width)?, one(height)?);
    (found != (None, None)).then_some(found)
}

/// `300x200`, `50px25p`, `300x25.5%`.
pub(super) fn lengths(text: &str) -> Option<(Length, Length)> {
    let (width, height) = text.split_once('x')?;
    let one = |text| Length::parse(text).filter(|length| !matches!(length, Length::Pixels(0) | Length::Percent(0)));
    Some((one(width)?, one(height)?))
}

/// Pixels, or a share of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Pixels(u32),
    /// Hundredths of a percent, up to 10000.
    Percent(u32),
}

impl Length {
    fn parse(text: &str) -> Option<Self> {
        let Some(percent) = text.strip_suffix('p').or_else(|| text.strip_suffix('%')) else {
            return digits(text).filter(|pixels| *pixels <= MAX_SIDE).map(Self::Pixels);
        };
        let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
        let hundredths = match part.len() {
            0 if !percent.ends_with('.') => 0,
            1 => digits(part)? * 10,
            2 => digits(part)?,
            _ => return None,
        };
        let share = digits(whole)?.checked_mul(100)?.checked_add(hundredths)?;
        (share <= 10_000).then_some(Self::Percent(share))
    }

    /// In an image whose side is that long.
    pub(crate) fn of(self, side: u32) -> u32 {
        match self {
            Self::Pixels(pixels) => pixels,
            Self::Percent(share) => crate::picture::share(side.into(), share.into(), 10_000),
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Pixels(pixels) => write!(f, "{pixels}"),
            Self::Percent(share) if share % 100 == 0 => write!(f, "{}p", share / 100),
            Self::Percent(share) => write!(f, "{}.{:02}p", share / 100, share % 100),
        }
    }
}

/// Where a frame lies in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Alignment {
    x: Length,
    y: Length,
}

impl Alignment {
    /// What counts when nothing is told.
    pub(crate) const TOP_LEFT: Self = Self { x: Length::Pixels(0), y: Length::Pixels(0) };
    pub(crate) const CENTER: Self = Self { x: Length::Percent(5_000), y: Length::Percent(5_000) };

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (middle, end) = (Length::Percent(5_000), Length::Percent(10_000));
        Some(match text {
            "center" => Self::CENTER,
            "top" => Self { x: middle, y: Length::Percent(0) },
            "bottom" => Self { x: middle, y: end },
            "left" => Self { x: Length::Percent(0), y: middle },
            "right" => Self { x: end, y: middle },
            offsets => {
                let (x, y) = offsets.split_once(',')?;
                Self { x: Length::parse(x)?, y: Length::parse(y)? }
            }
        })
    }

    /// Where the frame begins, from the image's corner; negative when the frame is larger. A percentage is one of the
    /// room that is left, as in a style sheet.
    pub(crate) fn place(self, image: (u32, u32), frame: (u32, u32)) -> (i64, i64) {
        let one = |length, image: u32, frame: u32| match length {
            Length::Pixels(pixels) => i64::from(pixels),
            Length::Percent(share) => (i64::from(image) - i64::from(frame)) * i64::from(share) / 10_000,
        };
        (one(self.x, image.0, frame.0), one(self.y, image.1, frame.1))
    }
}

impl fmt::Display for Alignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::CENTER { f.write_str("center") } else { write!(f, "{},{}", self.x, self.y) }
    }
}

/// A colour: red, green, blue and how much it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fill(pub(crate) [u8; 4]);

impl Fill {
    pub(crate) const WHITE: Self = Self([255; 4]);

    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let text = match text.len() {
            3 => text.chars().flat_map(|digit| [digit, digit]).collect(),
            6 | 8 => text.to_owned(),
            _ => return None,
        };
        let number = u32::from_str_radix(&text, 16).ok()?;
        Some(Self(if text.len() == 6 { (number << 8) | 0xff } else { number }.to_be_bytes()))
    }

    /// Without its transparency.
    pub(crate) fn opaque(self) -> [u8; 3] {
        let [red, green, blue, _] = self.0;
        [red, green, blue]
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue, alpha] = self.0;
        write!(f, "{red:02x}{green:02x}{blue:02x}")?;
        if alpha < 255 { write!(f, "{alpha:02x}") } else { Ok(()) }
    }
}
