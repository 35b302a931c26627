//! Which document formats there are, how a file's own is told, and what can be made of it.
//!
//! The lists follow what the service was recorded to offer, less what this stand-in could not even write a valid
//! placeholder of (e-books but EPUB, CAD drawings, presentations, PostScript). Source: REST API v0.7, Document conversion.

use crate::store::FileRow;

/// What a format is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// A bitmap that can be read here.
    Bitmap,
    /// An image that cannot be read here.
    OtherImage,
    Pdf,
    /// Plain text, or near to it.
    Text,
    /// Word processing.
    Writing,
    /// Spreadsheets.
    Sheet,
    /// Slides.
    Slides,
}

struct Row {
    name: &'static str,
    mime: &'static str,
    family: Family,
}

macro_rules! formats {
    ($($name:literal $mime:literal $family:ident;)*) => {
        const FORMATS: &[Row] = &[$(Row { name: $name, mime: $mime, family: Family::$family },)*];
    };
}

formats! {
    "jpg" "image/jpeg" Bitmap;
    "png" "image/png" Bitmap;
    "gif" "image/gif" Bitmap;
    "webp" "image/webp" Bitmap;
    "bmp" "image/bmp" Bitmap;
    "tiff" "image/tiff" Bitmap;
    "ico" "image/x-icon" Bitmap;
    "tga" "image/x-tga" Bitmap;
    "avif" "image/avif" OtherImage;
    "heic" "image/heic" OtherImage;
    "heif" "image/heif" OtherImage;
    "svg" "image/svg+xml" OtherImage;
    "pdf" "application/pdf" Pdf;
    "txt" "text/plain" Text;
    "csv" "text/csv" Text;
    "md" "text/markdown" Text;
    "html" "text/html" Text;
    "doc" "application/msword" Writing;
    "docx" "application/vnd.openxmlformats-officedocument.wordprocessingml.document" Writing;
    "odt" "application/vnd.oasis.opendocument.text" Writing;
    "rtf" "application/rtf" Writing;
    "epub" "application/epub+zip" Writing;
    "xls" "application/vnd.ms-excel" Sheet;
    "xlsx" "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" Sheet;
    "ods" "application/vnd.oasis.opendocument.spreadsheet" Sheet;
    "ppt" "application/vnd.ms-powerpoint" Slides;
    "pptx" "application/vnd.openxmlformats-officedocument.presentationml.presentation" Slides;
    "odp" "application/vnd.oasis.opendocument.presentation" Slides;
}

fn row(name: &str) -> Option<&'static Row> {
    FORMATS.iter().find(|row| row.name == name)
}

/// The family of a format.
pub(crate) fn family(name: &str) -> Option<Family> {
    row(name).map(|row| row.family)
}

/// The media type of what is made; of `enhanced.jpg` too.
pub(crate) fn media_type(name: &str) -> &'static str {
    row(extension(name)).map_or("application/octet-stream", |row| row.mime)
}

/// What a file of that format ends with: `jpg` for `enhanced.jpg`.
pub(crate) fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// A file's own format: what its bytes say where they say something, else its name, else its declared type.
pub(crate) fn of(file: &FileRow) -> Option<&'static str> {
    let by_mime = |mime: &str| FORMATS.iter().find(|row| row.mime == mime).map(|row| row.name);
    let detected = file.content_info.mime.as_ref().map_or("", |mime| mime.mime.as_str());
    let extension = file.original_filename.rsplit_once('.').map_or(String::new(), |(_, last)| last.to_lowercase());
    let named = match extension.as_str() {
        "jpeg" | "jpe" => Some("jpg"),
        "tif" => Some("tiff"),
        "htm" => Some("html"),
        "markdown" => Some("md"),
        name => row(name).map(|row| row.name),
    };
    // Text says nothing of which kind, and old and new office files look like any archive.
    let told = by_mime(detected).filter(|name| *name != "txt");
    told.or(named).or_else(|| by_mime(&file.mime_type)).or_else(|| by_mime(detected))
}

/// What can be made of a format.
pub(crate) fn targets(name: &str) -> Vec<&'static str> {
    let all: &[&str] = match family(name) {
        Some(Family::Bitmap) => &["bmp", "gif", "ico", "jpg", "pdf", "png", "svg", "tga", "tiff", "webp"],
        Some(Family::OtherImage) => &["bmp", "gif", "jpg", "pdf", "png", "tiff", "webp"],
        Some(Family::Pdf) => &[
            "bmp",
            "csv",
            "doc",
            "docx",
            "enhanced.jpg",
            "epub",
            "gif",
            "html",
            "jpg",
            "md",
            "png",
            "rtf",
            "svg",
            "tiff",
            "txt",
            "xls",
            "xlsx",
        ],
        // An image of a text was recorded as refused.
        Some(Family::Text) => &["epub", "html", "md", "pdf", "txt"],
        Some(Family::Writing) => {
            &["doc", "docx", "enhanced.jpg", "epub", "html", "jpg", "md", "odt", "pdf", "png", "rtf", "tiff", "txt"]
        }
        Some(Family::Sheet) => &["csv", "enhanced.jpg", "html", "jpg", "ods", "pdf", "png", "xls", "xlsx"],
        Some(Family::Slides) => &["enhanced.jpg", "jpg", "pdf", "png", "tiff"],
        None => &[],
    };
    all.iter().copied().filter(|target| *target != name).collect()
}

/// Is it written as pictures, one a page?
pub(crate) fn is_image(target: &str) -> bool {
    matches!(family(extension(target)), Some(Family::Bitmap | Family::OtherImage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_format_with_a_type() {
        for source in FORMATS {
            for target in targets(source.name) {
                assert!(row(extension(target)).is_some(), "{} -> {target}", source.name);
                assert_ne!(target, source.name);
            }
        }
        assert_eq!(targets("exe"), [""; 0]);
        assert!(!targets("txt").contains(&"jpg"));
    }
}
