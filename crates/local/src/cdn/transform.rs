//! Does to a picture what a path asks for. Computes; called on blocking threads only.
//!
//! Operations run in the order of the path; what concerns the file that is written (format, quality, ...) counts from
//! its last mention. Source: Uploadcare URL API: image resize and crop, rotation, compression.

use super::operations::{Alignment, Fill, Focus, FormatChoice, Operation, Quality, Stretch};
use crate::picture::{Encoding, Format, MAX_PIXELS, Picture, PictureError, flat, share};
use image::{DynamicImage, GenericImage, Rgb, RgbImage, Rgba, RgbaImage};

/// Largest sides of what is sent. Source: Uploadcare, image processing limitations.
const MAX_SIDE: u32 = 3000;
/// The same where JPEG is asked for by name.
const MAX_JPEG_SIDE: u32 = 5000;

/// Why there is no result. The sentence is for a person.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransformError {
    #[error("{0}.")]
    Picture(#[from] PictureError),
    #[error(
        "The result would have {width}x{height} pixels; at most {limit}x{limit} are sent. Add an operation that makes \
         it smaller, such as -/preview/."
    )]
    TooLarge { width: u32, height: u32, limit: u32 },
}

/// What is written, gathered from all operations.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: FormatChoice,
    quality: Quality,
    progressive: bool,
    autorotate: bool,
    fill: Fill,
}

impl Output {
    pub(super) fn of(operations: &[Operation]) -> Self {
        let mut output = Self {
            format: FormatChoice::Auto,
            quality: Quality::Normal,
            progressive: false,
            autorotate: true,
            fill: Fill::WHITE,
        };
        for operation in operations {
            match *operation {
                Operation::Format(format) => output.format = format,
                Operation::Quality(quality) => output.quality = quality,
                Operation::Progressive(choice) => output.progressive = choice,
                Operation::Autorotate(choice) => output.autorotate = choice,
                Operation::SetFill(fill) => output.fill = fill,
                _ => {}
            }
        }
        output
    }

    /// Does the answer depend on what the client accepts?
    pub(super) fn varies(self) -> bool {
        self.format == FormatChoice::Auto
    }

    fn encoding(self, picture: &Picture, webp: bool) -> Encoding {
        let plain = |transparent| if transparent { Format::Png } else { Format::Jpeg };
        let format = match self.format {
            FormatChoice::Jpeg => Format::Jpeg,
            FormatChoice::Png => Format::Png,
            FormatChoice::WebP => Format::WebP,
            FormatChoice::Auto if webp => Format::WebP,
            FormatChoice::Preserve if matches!(picture.source, Some(Format::Jpeg | Format::Png)) => {
                picture.source.unwrap_or(Format::Png)
            }
            FormatChoice::Auto | FormatChoice::Preserve => plain(picture.is_transparent()),
        };
        let quality = match self.quality {
            Quality::Normal | Quality::Smart => 80,
            Quality::Better => 88,
            Quality::Best => 94,
            Quality::Lighter => 70,
            // A screen with twice the pixels hides more.
            Quality::Lightest | Quality::SmartRetina => 50,
        };
        Encoding { format, quality, progressive: self.progressive, background: self.fill.opaque() }
    }
}

/// Applies the operations and writes the result; `webp` where the client takes it.
pub(super) fn run(
    mut picture: Picture,
    operations: &[Operation],
    webp: bool,
) -> Result<(Format, Vec<u8>), TransformError> {
    let output = Output::of(operations);
    apply(&mut picture, operations)?;
    let limit = if output.format == FormatChoice::Jpeg { MAX_JPEG_SIDE } else { MAX_SIDE };
    let (width, height) = size(&picture);
    if width > limit || height > limit {
        return Err(TransformError::TooLarge { width, height, limit });
    }
    let encoding = output.encoding(&picture, webp);
    Ok((encoding.format, picture.encode(&encoding)?))
}

/// Applies the operations only.
pub(super) fn apply(picture: &mut Picture, operations: &[Operation]) -> Result<(), TransformError> {
    if Output::of(operations).autorotate {
        picture.turn_upright();
    }
    let (mut stretch, mut fill) = (Stretch::On, Fill::WHITE);
    for operation in operations {
        match *operation {
            Operation::Preview { width, height } => picture.fit(width, height)?,
            Operation::Resize { width, height } => resize(picture, (width, height), stretch, fill)?,
            Operation::Crop { width, height, at } => {
                let (across, down) = size(picture);
                cut(picture, (width.of(across), height.of(down)), at, fill)?;
            }
            Operation::CropRatio { width, height, at } => {
                // The largest frame of that ratio inside the image.
                let (across, down) = size(picture);
                let (width, height) = (u64::from(width), u64::from(height));
                let frame = if u64::from(across) * height >= u64::from(down) * width {
                    (share(width, down.into(), height).min(across), down)
                } else {
                    (across, share(height, across.into(), width).min(down))
                };
                cut(picture, frame, at, fill)?;
            }
            Operation::ScaleCrop { width, height, focus } => {
                let at = match focus {
                    Focus::At(at) | Focus::Smart(_, Some(at)) => at,
                    // Nothing is recognised here.
                    Focus::Smart(_, None) => Alignment::CENTER,
                };
                scale_crop(picture, (width, height), at, stretch, fill)?;
            }
            Operation::Stretch(mode) => stretch = mode,
            Operation::SetFill(colour) => fill = colour,
            Operation::Rotate(quarters) => {
                // The library turns with the clock, the path against it.
                picture.image = match quarters {
                    1 => picture.image.rotate270(),
                    2 => picture.image.rotate180(),
                    3 => picture.image.rotate90(),
                    _ => continue,
                };
            }
            Operation::Flip => picture.image = picture.image.flipv(),
            Operation::Mirror => picture.image = picture.image.fliph(),
            Operation::Grayscale => picture.image = picture.image.grayscale(),
            Operation::Invert => picture.image.invert(),
            Operation::Blur(strength @ 1..) => picture.image = picture.image.fast_blur(f32::from(strength) / 10.0),
            Operation::Blur(0)
            | Operation::Format(_)
            | Operation::Quality(_)
            | Operation::Progressive(_)
            | Operation::Autorotate(_)
            | Operation::StripMeta(_)
            | Operation::Inline(_)
            | Operation::Json
            | Operation::MainColors(_) => {}
        }
    }
    Ok(())
}

fn size(picture: &Picture) -> (u32, u32) {
    (picture.image.width(), picture.image.height())
}

fn resize(
    picture: &mut Picture,
    wanted: (Option<u32>, Option<u32>),
    stretch: Stretch,
    fill: Fill,
) -> Result<(), TransformError> {
    let (width, height) = size(picture);
    let (across, down) = (u64::from(width), u64::from(height));
    let target = match wanted {
        (Some(to), Some(high)) => (to, high),
        (Some(to), None) => (to, share(down, to.into(), across)),
        (None, Some(to)) => (share(across, to.into(), down), to),
        (None, None) => return Ok(()),
    };
    if stretch == Stretch::On {
        return Ok(picture.scale(target.0, target.1)?);
    }
    picture.scale(target.0.min(width), target.1.min(height))?;
    if stretch == Stretch::Fill {
        cut(picture, target, Alignment::CENTER, fill)?;
    }
    Ok(())
}

fn scale_crop(
    picture: &mut Picture,
    frame: (u32, u32),
    at: Alignment,
    stretch: Stretch,
    fill: Fill,
) -> Result<(), TransformError> {
    let (width, height) = size(picture);
    let (across, down) = (u64::from(width), u64::from(height));
    // The smallest size that covers the frame; the side that only covers is rounded, so it is held to the frame.
    let cover = if u64::from(frame.0) * down >= u64::from(frame.1) * across {
        (frame.0, share(down, frame.0.into(), across).max(frame.1))
    } else {
        (share(across, frame.1.into(), down).max(frame.0), frame.1)
    };
    let enlarges = cover.0 > width || cover.1 > height;
    if !(enlarges && stretch != Stretch::On) {
        picture.scale(cover.0, cover.1)?;
    }
    let (width, height) = size(picture);
    cut(picture, (frame.0.min(width), frame.1.min(height)), at, fill)?;
    if stretch == Stretch::Fill {
        cut(picture, frame, Alignment::CENTER, fill)?;
    }
    Ok(())
}

/// What lies in the frame; where the image ends, the fill begins.
fn cut(picture: &mut Picture, frame: (u32, u32), at: Alignment, fill: Fill) -> Result<(), TransformError> {
    let image = size(picture);
    let frame = (frame.0.max(1), frame.1.max(1));
    let (x, y) = at.place(image, frame);
    // First what both share: from where in the image, to where in the frame, how much.
    let overlap = |start: i64, image: u32, frame: u32| {
        let from = start.clamp(0, image.into());
        let end = (start + i64::from(frame)).clamp(0, image.into());
        let [from, to, length] = [from, from - start, (end - from).max(0)].map(|n| u32::try_from(n).unwrap_or(0));
        (from, to, length)
    };
    let (from_x, to_x, width) = overlap(x, image.0, frame.0);
    let (from_y, to_y, height) = overlap(y, image.1, frame.1);
    let empty = width == 0 || height == 0;
    if !empty {
        picture.image = picture.image.crop_imm(from_x, from_y, width, height);
    }
    if (width, height) == frame {
        return Ok(());
    }
    if u64::from(frame.0) * u64::from(frame.1) > MAX_PIXELS {
        return Err(PictureError::TooLarge.into());
    }
    let part = &picture.image;
    picture.image = if fill.0[3] == 255 && !part.color().has_alpha() {
        let mut canvas = RgbImage::from_pixel(frame.0, frame.1, Rgb(fill.opaque()));
        if !empty {
            canvas.copy_from(&part.to_rgb8(), to_x, to_y).map_err(damaged)?;
        }
        canvas.into()
    } else {
        let mut canvas = RgbaImage::from_pixel(frame.0, frame.1, Rgba(fill.0));
        if !empty {
            canvas.copy_from(&part.to_rgba8(), to_x, to_y).map_err(damaged)?;
        }
        DynamicImage::from(canvas)
    };
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it away")]
fn damaged(error: image::ImageError) -> PictureError {
    PictureError::Damaged(error.to_string())
}

/// The colours that cover most of a picture, most of all first.
pub(super) fn main_colours(picture: &mut Picture, count: usize) -> Result<Vec<[u8; 3]>, TransformError> {
    /// Sixteen steps a channel tell colours apart that a person would.
    const STEPS: usize = 16;
    picture.fit(128, 128)?;
    let mut cells = vec![(0_u32, [0_u32; 3]); STEPS * STEPS * STEPS];
    for pixel in flat(&picture.image, [255; 3]).pixels() {
        let [red, green, blue] = pixel.0.map(|channel| usize::from(channel) * STEPS / 256);
        let (times, sum) = &mut cells[(red * STEPS + green) * STEPS + blue];
        *times += 1;
        for (sum, channel) in sum.iter_mut().zip(pixel.0) {
            *sum += u32::from(channel);
        }
    }
    cells.retain(|(times, _)| *times > 0);
    cells.sort_by_key(|(times, sum)| (std::cmp::Reverse(*times), *sum));
    let mean = |(times, sum): &(u32, [u32; 3])| sum.map(|sum| u8::try_from(sum / times).unwrap_or(u8::MAX));
    let apart = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>() > 48;
    let mut found: Vec<[u8; 3]> = Vec::new();
    for colour in cells.iter().map(mean) {
        if found.len() < count && found.iter().all(|other| apart(*other, colour)) {
            found.push(colour);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
