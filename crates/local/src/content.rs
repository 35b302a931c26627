//! What can be told of a file by looking into it: its real type, an image's facts, and those of sound and video.
//!
//! Only heads are read, whatever a file's size, and nothing is decoded. What cannot be known cheaply is left out.
//! Source: REST API v0.7, `content_info`.

mod header;
mod media;

use exif::{In, Tag, Value};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek},
    path::Path,
};
use updock_types::{ColorMode, ContentInfo, GeoLocation, ImageInfo, MimeInfo};

/// Enough for every signature that is looked for.
const HEAD: u64 = 8192;
/// The service works on images up to this size.
const IMAGE_MAX_SIZE: u64 = 100_000_000;
/// Readers of metadata take the whole of a TIFF into memory; above this it stays unread.
const TIFF_MAX_SIZE: u64 = 16_000_000;

/// Looks into a file.
pub(crate) fn look(path: &Path) -> io::Result<ContentInfo> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    let mime = media_type(&head);
    let size = file.metadata()?.len();
    let image = format(mime).filter(|_| size <= IMAGE_MAX_SIZE).and_then(|format| image(&mut file, format, size));
    let video = media::format(mime).and_then(|format| {
        file.rewind().ok()?;
        media::look(file, format, size)
    });
    Ok(ContentInfo { mime: Some(MimeInfo::new(mime)), image, video })
}

fn media_type(head: &[u8]) -> &'static str {
    if let Some(found) = infer::get(head) {
        return match found.mime_type() {
            "image/vnd.microsoft.icon" => "image/x-icon",
            "text/xml" if contains_svg(head) => "image/svg+xml",
            mime => mime,
        };
    }
    if head.is_empty() {
        return "application/x-empty";
    }
    // The head may end in the middle of a character.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => "",
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
    match text {
        "" => "application/octet-stream",
        _ if contains_svg(head) => "image/svg+xml",
        text if text.chars().all(printable) => "text/plain",
        _ => "application/octet-stream",
    }
}

fn contains_svg(head: &[u8]) -> bool {
    let start = head.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    head[start..].starts_with(b"<") && head.windows(4).any(|window| window == b"<svg")
}

/// The name of an image format that the service works on.
fn format(mime: &str) -> Option<&'static str> {
    Some(match mime {
        "image/jpeg" => "JPEG",
        "image/png" => "PNG",
        "image/gif" => "GIF",
        "image/webp" => "WEBP",
        "image/bmp" => "BMP",
        "image/tiff" => "TIFF",
        "image/heif" | "image/heic" => "HEIF",
        "image/avif" => "AVIF",
        "image/x-icon" => "ICO",
        _ => return None,
    })
}

fn image(file: &mut File, format: &'static str, size: u64) -> Option<ImageInfo> {
    let mut reader = BufReader::new(file);
    reader.rewind().ok()?;
    let pixels = imagesize::reader_size(&mut reader).ok()?;
    reader.rewind().ok()?;
    let facts = header::read(format, &mut reader).unwrap_or_default();
    let mut info = ImageInfo {
        dpi: facts.dpi,
        width: pixels.width.try_into().ok()?,
        format: format.to_owned(),
        height: pixels.height.try_into().ok()?,
        sequence: facts.sequence,
        color_mode: ColorMode(facts.color_mode.unwrap_or("RGB").to_owned()),
        orientation: None,
        geo_location: None,
        datetime_original: None,
    };
    reader.rewind().ok()?;
    let worth_it = matches!(format, "JPEG" | "PNG" | "WEBP" | "HEIF" | "AVIF") || size <= TIFF_MAX_SIZE;
    if worth_it && let Ok(exif) = exif::Reader::new().read_from_container(&mut reader) {
        describe(&exif, &mut info);
        if let Some(mode) = (format == "TIFF").then(|| tiff_mode(&exif)).flatten() {
            info.color_mode = ColorMode(mode.to_owned());
        }
    }
    Some(info)
}

fn describe(exif: &exif::Exif, info: &mut ImageInfo) {
    let whole = |tag| exif.get_field(tag, In::PRIMARY)?.value.get_uint(0);
    info.orientation = whole(Tag::Orientation).and_then(|value| u8::try_from(value).ok()).filter(|value| *value <= 8);
    if info.dpi.is_none() {
        let scale = if whole(Tag::ResolutionUnit) == Some(3) { 2.54 } else { 1.0 };
        let value = |tag| Some(rationals(exif, tag)?.first()? * scale);
        info.dpi = value(Tag::XResolution).zip(value(Tag::YResolution)).map(|(x, y)| [x, y]);
    }
    info.datetime_original = text(exif, Tag::DateTimeOriginal).and_then(|text| {
        // 2018:08:20 08:59:50
        let (date, time) = text.split_once(' ')?;
        let at = format!("{}T{time}", date.replace(':', "-"));
        updock_types::Timestamp::parse(&at).ok().map(|_| at)
    });
    let degrees = |tag, side, negative| {
        let parts = rationals(exif, tag)?;
        let [degrees, minutes, seconds] = parts.as_slice() else {
            return None;
        };
        let sign = if text(exif, side)? == negative { -1.0 } else { 1.0 };
        Some(sign * (degrees + minutes / 60.0 + seconds / 3600.0)).filter(|value: &f64| value.is_finite())
    };
    let latitude = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, "S");
    let longitude = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, "W");
    info.geo_location = latitude.zip(longitude).map(|(latitude, longitude)| GeoLocation { latitude, longitude });
}

/// How a TIFF codes its pixels. Source: TIFF 6.0, `PhotometricInterpretation` and `SamplesPerPixel`.
fn tiff_mode(exif: &exif::Exif) -> Option<&'static str> {
    let whole = |tag| exif.get_field(tag, In::PRIMARY)?.value.get_uint(0);
    let samples = whole(Tag::SamplesPerPixel).unwrap_or(1);
    Some(match (whole(Tag::PhotometricInterpretation)?, samples) {
        (0 | 1, 0 | 1) => "L",
        (0 | 1, _) => "LA",
        (2, 4..) => "RGBA",
        (2, _) => "RGB",
        (3, _) => "P",
        (5, _) => "CMYK",
        (6, _) => "YCbCr",
        (8, _) => "LAB",
        _ => return None,
    })
}

fn rationals(exif: &exif::Exif, tag: Tag) -> Option<Vec<f64>> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Rational(values) if values.iter().all(|value| value.denom != 0) => {
            Some(values.iter().map(exif::Rational::to_f64).collect())
        }
        _ => None,
    }
}

fn text(exif: &exif::Exif, tag: Tag) -> Option<String> {
    match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => Some(String::from_utf8_lossy(lines.first()?).trim().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageFormat};

    #[test]
    fn images_of_every_format_tell_their_size_and_coding() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image");
        let plain = |color| DynamicImage::new(7, 5, color);
        for (image, format, name, mode) in [
            (plain(image::ColorType::L8), ImageFormat::Tiff, "TIFF", "L"),
            (plain(image::ColorType::Rgb8), ImageFormat::Tiff, "TIFF", "RGB"),
            (plain(image::ColorType::Rgba8), ImageFormat::Tiff, "TIFF", "RGBA"),
            (plain(image::ColorType::L8), ImageFormat::Bmp, "BMP", "P"),
            (plain(image::ColorType::Rgb8), ImageFormat::Bmp, "BMP", "RGB"),
            (plain(image::ColorType::Rgba8), ImageFormat::Bmp, "BMP", "RGBA"),
            (plain(image::ColorType::La8), ImageFormat::Png, "PNG", "LA"),
            (plain(image::ColorType::L8), ImageFormat::Jpeg, "JPEG", "L"),
            (plain(image::ColorType::Rgba8), ImageFormat::Gif, "GIF", "P"),
            (plain(image::ColorType::Rgba8), ImageFormat::WebP, "WEBP", "RGBA"),
        ] {
            image.save_with_format(&path, format).unwrap();
            let info = look(&path).unwrap().image.unwrap_or_else(|| panic!("{name} is no image"));
            let found = (info.width, info.height, info.format.as_str(), info.color_mode.0.as_str());
            assert_eq!(found, (7, 5, name, mode), "{name}");
        }
    }

    #[test]
    fn types_are_told_by_the_bytes() {
        for (head, expected) in [
            (&b"\xff\xd8\xff\xe0"[..], "image/jpeg"),
            (b"%PDF-1.7", "application/pdf"),
            (b"hello, world\n", "text/plain"),
            ("Привет".as_bytes(), "text/plain"),
            (&"Привет".as_bytes()[..11], "text/plain"),
            (b"\x00\x01\x02", "application/octet-stream"),
            (b"caf\xe9 au lait", "application/octet-stream"),
            (b"", "application/x-empty"),
            (b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "image/svg+xml"),
            (b"  <svg/>", "image/svg+xml"),
        ] {
            assert_eq!(media_type(head), expected, "{}", String::from_utf8_lossy(head));
        }
    }
}
