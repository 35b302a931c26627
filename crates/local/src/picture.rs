//! Pictures in memory: decoded under limits, scaled, and encoded by format and quality.
//!
//! Everything here computes, so it is called on blocking threads only. What comes in may be hostile: a picture's size
//! is looked at before its first pixel is decoded, and every failure is a [`PictureError`] that a person can read.
//! Eight bits a channel, and only the first picture of an animation; a colour profile travels along unchanged.
//! What is done to a picture on the way is the caller's business ([`crate::cdn`], the jobs).

mod webp_profile;

use fast_image_resize::{ResizeOptions, Resizer};
use image::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageReader, Limits, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
    error::LimitErrorKind,
    metadata::Orientation,
};
use jpeg_encoder::{ColorType, EncodingError, SamplingFactor};
use std::io::{self, BufRead, Cursor, Seek};

/// What the service works on: up to 75 megapixels. Source: Uploadcare, image processing limitations.
pub(crate) const MAX_PIXELS: u64 = 75_000_000;
/// Most memory that a decoder may take, its result included.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// No format that this stand-in decodes.
    #[error("this is no image of a format that can be worked on here (BMP, GIF, ICO, JPEG, PNG, TGA, TIFF or WebP)")]
    Format,
    /// Too many pixels, or too much memory for them.
    #[error("the image is too large to be worked on: at most 75 megapixels")]
    TooLarge,
    /// The result has no pixels, or sides that its format cannot hold.
    #[error("an image of {width}x{height} pixels cannot be written as {format}")]
    Dimensions {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// What should have been written.
        format: &'static str,
    },
    /// The bytes are no sound image.
    #[error("the image is damaged: {0}")]
    Damaged(String),
    /// The bytes could not be read at all.
    #[error("the image cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// A format that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Jpeg,
    Png,
    /// Lossy, transparency included.
    WebP,
}

impl Format {
    /// As `Content-Type` says.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }

    /// What file names end with.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }
}

/// How to write a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) format: Format,
    /// 1 to 100; PNG is lossless whatever it says.
    pub(crate) quality: u8,
    /// JPEG only.
    pub(crate) progressive: bool,
    /// What is behind transparent pixels where the format has none.
    pub(crate) background: [u8; 3],
}

impl Encoding {
    /// On white, baseline, at a quality that most eyes take for the original.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, quality: 80, progressive: false, background: [255; 3] }
    }
}

/// A decoded picture.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The pixels, eight bits a channel.
    pub(crate) image: DynamicImage,
    /// How the camera was held; not yet applied.
    orientation: Orientation,
    /// Was it a JPEG or a PNG? Others have no format here that they could be written in again.
    pub(crate) source: Option<Format>,
    profile: Option<Vec<u8>>,
}

impl Picture {
    /// Decodes the first picture of a file.
    pub(crate) fn decode(reader: impl BufRead + Seek) -> Result<Self, PictureError> {
        let mut reader = ImageReader::new(reader).with_guessed_format()?;
        let source = match reader.format() {
            Some(image::ImageFormat::Jpeg) => Some(Format::Jpeg),
            Some(image::ImageFormat::Png) => Some(Format::Png),
            Some(image::ImageFormat::WebP) => Some(Format::WebP),
            _ => None,
        };
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_MEMORY);
        reader.limits(limits.clone());
        let mut decoder = reader.into_decoder().map_err(refused)?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > MAX_PIXELS || decoder.total_bytes() > MAX_MEMORY {
            return Err(PictureError::TooLarge);
        }
        // Damaged metadata is no reason to show nothing.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let profile = decoder.icc_profile().ok().flatten().filter(|profile| !profile.is_empty());
        let image = eight_bits(DynamicImage::from_decoder(decoder).map_err(refused)?);
        Ok(Self { image, orientation, source, profile })
    }

    /// Takes what was computed elsewhere, such as a page of a document.
    pub(crate) fn of(image: DynamicImage) -> Self {
        Self { image: eight_bits(image), orientation: Orientation::NoTransforms, source: None, profile: None }
    }

    /// Turns it upright, as its metadata says. A second call changes nothing.
    pub(crate) fn turn_upright(&mut self) {
        self.image.apply_orientation(std::mem::replace(&mut self.orientation, Orientation::NoTransforms));
    }

    /// Scales to exactly these sides, at least one pixel each.
    pub(crate) fn scale(&mut self, width: u32, height: u32) -> Result<(), PictureError> {
        let (width, height) = (width.max(1), height.max(1));
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(PictureError::TooLarge);
        }
        if (width, height) == (self.image.width(), self.image.height()) {
            return Ok(());
        }
        let mut scaled = DynamicImage::new(width, height, self.image.color());
        // Premultiplies alpha, so that transparent pixels lend no colour to their neighbours.
        let scaling = Resizer::new().resize(&self.image, &mut scaled, &ResizeOptions::new());
        scaling.map_err(|error| PictureError::Damaged(error.to_string()))?;
        self.image = scaled;
        Ok(())
    }

    /// Scales down to fit into these sides, proportionally; never up.
    pub(crate) fn fit(&mut self, width: u32, height: u32) -> Result<(), PictureError> {
        let (across, down) = fitting((self.image.width(), self.image.height()), (width, height));
        self.scale(across, down)
    }

    /// Does any pixel let something through?
    pub(crate) fn is_transparent(&self) -> bool {
        match &self.image {
            DynamicImage::ImageRgba8(image) => image.pixels().any(|pixel| pixel.0[3] < 255),
            DynamicImage::ImageLumaA8(image) => image.pixels().any(|pixel| pixel.0[1] < 255),
            _ => false,
        }
    }

    /// The bytes of a file.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "what a caller wants of a file will grow")]
    pub(crate) fn encode(&self, encoding: &Encoding) -> Result<Vec<u8>, PictureError> {
        match encoding.format {
            Format::Jpeg => self.jpeg(*encoding),
            Format::Png => self.png(),
            Format::WebP => self.webp(encoding.quality),
        }
    }

    fn jpeg(&self, encoding: Encoding) -> Result<Vec<u8>, PictureError> {
        let size = (self.image.width(), self.image.height());
        let impossible = PictureError::Dimensions { width: size.0, height: size.1, format: "JPEG" };
        let (Ok(width), Ok(height)) = (u16::try_from(size.0), u16::try_from(size.1)) else { return Err(impossible) };
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, encoding.quality.clamp(1, 100));
        encoder.set_progressive(encoding.progressive);
        // Otherwise this encoder writes one scan a channel, which some decoders of baseline files show in green.
        encoder.set_optimized_huffman_tables(encoding.progressive);
        if encoding.quality < 90 {
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
        }
        let gray = matches!(self.image, DynamicImage::ImageLuma8(_));
        // A profile of three channels does not fit a picture of one.
        if let Some(profile) = self.profile.as_ref().filter(|profile| !gray && is_rgb(profile)) {
            // One that is too large for its segments is left out.
            let _ = encoder.add_icc_profile(profile);
        }
        let written = match &self.image {
            DynamicImage::ImageLuma8(image) => encoder.encode(image, width, height, ColorType::Luma),
            DynamicImage::ImageRgb8(image) => encoder.encode(image, width, height, ColorType::Rgb),
            other => encoder.encode(&flat(other, encoding.background), width, height, ColorType::Rgb),
        };
        match written {
            Ok(()) => Ok(bytes),
            Err(EncodingError::ZeroImageDimensions { .. } | EncodingError::BadImageData { .. }) => Err(impossible),
            Err(error) => Err(PictureError::Damaged(error.to_string())),
        }
    }

    fn png(&self) -> Result<Vec<u8>, PictureError> {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
        if let Some(profile) = self.profile.as_ref().filter(|profile| self.fits(profile)) {
            // A writer without profiles writes none.
            let _ = encoder.set_icc_profile(profile.clone());
        }
        self.image.write_with_encoder(encoder).map_err(refused)?;
        Ok(bytes.into_inner())
    }

    fn webp(&self, quality: u8) -> Result<Vec<u8>, PictureError> {
        let (width, height) = (self.image.width(), self.image.height());
        let quality = f32::from(quality.clamp(1, 100));
        let transparent = self.is_transparent();
        let written = if transparent {
            webp::Encoder::from_rgba(&self.image.to_rgba8(), width, height).encode_simple(false, quality)
        } else {
            webp::Encoder::from_rgb(&self.image.to_rgb8(), width, height).encode_simple(false, quality)
        };
        let bytes = written.map_err(|_| PictureError::Dimensions { width, height, format: "WebP" })?;
        match self.profile.as_ref().filter(|profile| is_rgb(profile)) {
            Some(profile) => Ok(webp_profile::attach(&bytes, profile, (width, height), transparent)),
            None => Ok(bytes.to_vec()),
        }
    }

    fn fits(&self, profile: &[u8]) -> bool {
        let gray = matches!(self.image, DynamicImage::ImageLuma8(_) | DynamicImage::ImageLumaA8(_));
        if gray { profile.get(16..20) == Some(b"GRAY") } else { is_rgb(profile) }
    }
}

/// The sides of `size` scaled down, proportionally, to fit into `frame`.
pub(crate) fn fitting(size: (u32, u32), frame: (u32, u32)) -> (u32, u32) {
    if size.0 <= frame.0 && size.1 <= frame.1 {
        return size;
    }
    // Which side touches the frame? Exact in whole numbers.
    let (width, height) = (u64::from(size.0), u64::from(size.1));
    if width * u64::from(frame.1) >= height * u64::from(frame.0) {
        (frame.0, share(height, u64::from(frame.0), width))
    } else {
        (share(width, u64::from(frame.1), height), frame.1)
    }
}

/// `side * to / from`, rounded, at least 1.
pub(crate) fn share(side: u64, to: u64, from: u64) -> u32 {
    let from = from.max(1);
    u32::try_from((side * to + from / 2) / from).unwrap_or(u32::MAX).max(1)
}

/// Without transparency, on a background.
pub(crate) fn flat(image: &DynamicImage, background: [u8; 3]) -> RgbImage {
    let rgba = image.to_rgba8();
    let mut flat = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in flat.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u16::from);
        let mix = |above: u16, below: u8| {
            let mixed = (above * alpha + u16::from(below) * (255 - alpha) + 127) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        to.0 = [mix(red, background[0]), mix(green, background[1]), mix(blue, background[2])];
    }
    flat
}

fn is_rgb(profile: &[u8]) -> bool {
    profile.get(16..20) == Some(b"RGB ")
}

fn eight_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma16(_) => image.into_luma8().into(),
        DynamicImage::ImageLumaA16(_) => image.into_luma_alpha8().into(),
        DynamicImage::ImageRgb16(_) | DynamicImage::ImageRgb32F(_) => image.into_rgb8().into(),
        DynamicImage::ImageRgba16(_) | DynamicImage::ImageRgba32F(_) => image.into_rgba8().into(),
        eight => eight,
    }
}

fn refused(error: image::ImageError) -> PictureError {
    match error {
        image::ImageError::Unsupported(_) => PictureError::Format,
        image::ImageError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::Unsupported { .. }) => {
            PictureError::Format
        }
        image::ImageError::Limits(_) => PictureError::TooLarge,
        image::ImageError::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => PictureError::Read(error),
        error => PictureError::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
