//! PDF documents: how many pages, their text, and small ones made of text or of a picture.
//!
//! What comes in is bounded: nothing in it may unfold to more than [`MAX_UNFOLDED`]. Pages are not rendered.

use crate::store::Trouble;
use image::DynamicImage;
use lopdf::{
    Dictionary, Document, LoadOptions, Object, ObjectId, Stream,
    content::{Content, Operation},
    dictionary,
};

/// Most that one stream of a document may unfold to, bytes.
const MAX_UNFOLDED: usize = 32 * 1024 * 1024;
/// Longest text that is set, bytes.
const MAX_TEXT: usize = 2_000_000;
/// Most pages that text is read of.
const MAX_READ_PAGES: usize = 2000;

/// A4 in points, and what is set on it: Courier is 600 units wide a character.
const PAGE: (i64, i64) = (595, 842);
const MARGIN: i64 = 50;
const SIZE: i64 = 10;
const LEADING: i64 = 13;
const COLUMNS: usize = 82;
const LINES: usize = 57;

fn invalid(error: &lopdf::Error) -> Trouble {
    Trouble::new("source_invalid", format!("This is no readable PDF: {error}"))
}

fn load(bytes: &[u8]) -> Result<Document, Trouble> {
    let options = LoadOptions { max_decompressed_size: Some(MAX_UNFOLDED), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).map_err(|error| invalid(&error))?;
    if document.is_encrypted() {
        return Err(Trouble::new("source_invalid", "The PDF is encrypted."));
    }
    Ok(document)
}

/// How many pages it has.
pub(super) fn page_count(bytes: &[u8]) -> Result<u32, Trouble> {
    match u32::try_from(load(bytes)?.get_pages().len()) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Trouble::new("source_invalid", "The PDF has no pages.")),
    }
}

/// Its text, as far as it can be read.
pub(super) fn text(bytes: &[u8]) -> Result<String, Trouble> {
    let document = load(bytes)?;
    let pages: Vec<u32> = document.get_pages().keys().copied().take(MAX_READ_PAGES).collect();
    document.extract_text_with_limit(&pages, MAX_UNFOLDED).map_err(|error| invalid(&error))
}

/// A document of that text in Courier. What Latin-1 does not have becomes a question mark.
pub(super) fn of_text(text: &str) -> Result<Vec<u8>, Trouble> {
    if text.len() > MAX_TEXT {
        return Err(Trouble::new("source_too_large", format!("Only texts up to {MAX_TEXT} bytes are converted.")));
    }
    let lines = wrap(text);
    let mut document = Document::with_version("1.5");
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Courier", "Encoding" => "WinAnsiEncoding",
    });
    let resources = document.add_object(dictionary! { "Font" => dictionary! { "F1" => font } });
    let pages = lines.chunks(LINES).map(|lines| {
        let mut operations = vec![
            Operation::new("BT", vec![]),
            Operation::new("Tf", vec!["F1".into(), SIZE.into()]),
            Operation::new("TL", vec![LEADING.into()]),
            Operation::new("Td", vec![MARGIN.into(), (PAGE.1 - MARGIN).into()]),
        ];
        for line in lines {
            operations.push(Operation::new("Tj", vec![Object::string_literal(line.clone())]));
            operations.push(Operation::new("T*", vec![]));
        }
        operations.push(Operation::new("ET", vec![]));
        (operations, PAGE)
    });
    let pages: Vec<_> = pages.collect();
    write(document, pages, resources)
}

/// A document of one page: the picture, given as JPEG too.
pub(super) fn of_picture(jpeg: &[u8], image: &DynamicImage) -> Result<Vec<u8>, Trouble> {
    let gray = matches!(image, DynamicImage::ImageLuma8(_));
    let (width, height) = (i64::from(image.width()), i64::from(image.height()));
    let mut document = Document::with_version("1.5");
    let stream = Stream::new(
        dictionary! {
            "Type" => "XObject", "Subtype" => "Image", "Width" => width, "Height" => height,
            "ColorSpace" => if gray { "DeviceGray" } else { "DeviceRGB" }, "BitsPerComponent" => 8,
            "Filter" => "DCTDecode",
        },
        jpeg.to_vec(),
    );
    let picture = document.add_object(stream.with_compression(false));
    let resources = document.add_object(dictionary! { "XObject" => dictionary! { "Im1" => picture } });
    let operations = vec![
        Operation::new("q", vec![]),
        Operation::new("cm", vec![width.into(), 0.into(), 0.into(), height.into(), 0.into(), 0.into()]),
        Operation::new("Do", vec!["Im1".into()]),
        Operation::new("Q", vec![]),
    ];
    write(document, vec![(operations, (width, height))], resources)
}

/// Writes a document of these pages, each with its size.
fn write(
    mut document: Document,
    pages: Vec<(Vec<Operation>, (i64, i64))>,
    resources: ObjectId,
) -> Result<Vec<u8>, Trouble> {
    let failed = |error: &dyn std::fmt::Display| Trouble::new("conversion_failed", error.to_string());
    let root = document.new_object_id();
    let mut kids: Vec<Object> = Vec::with_capacity(pages.len());
    for (operations, (width, height)) in pages {
        let content = Content { operations }.encode().map_err(|error| failed(&error))?;
        let content = document.add_object(Stream::new(Dictionary::new(), content));
        let page = document.add_object(dictionary! {
            "Type" => "Page", "Parent" => root, "Contents" => content,
            "MediaBox" => vec![0.into(), 0.into(), width.into(), height.into()],
        });
        kids.push(page.into());
    }
    let count = i64::try_from(kids.len()).unwrap_or(i64::MAX);
    document.objects.insert(
        root,
        Object::Dictionary(
            dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count, "Resources" => resources },
        ),
    );
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    document.trailer.set("Root", catalog);
    document.compress();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// Lines that fit, in Latin-1; at least one.
fn wrap(text: &str) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.replace('\t', "    ");
        // A form feed and its like are no characters of a font.
        let letters: Vec<u8> =
            line.chars().filter(|c| !c.is_control()).map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
        let mut rest = letters.as_slice();
        loop {
            let end = match rest.get(..COLUMNS) {
                None => rest.len(),
                Some(head) => head.iter().rposition(|byte| *byte == b' ').map_or(COLUMNS, |space| space + 1),
            };
            lines.push(rest[..end].to_vec());
            rest = &rest[end..];
            if rest.is_empty() {
                break;
            }
        }
    }
    if lines.is_empty() {
        lines.push(Vec::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_can_be_read_and_pages_follow() {
        let lines: Vec<_> = (0..130).map(|at| format!("line {at} of a text (with brackets) \\ and more\n")).collect();
        let long = lines.concat();
        let bytes = of_text(&long).unwrap();
        assert!(bytes.starts_with(b"%PDF-"));
        assert_eq!(page_count(&bytes).unwrap(), 3);
        let read = text(&bytes).unwrap();
        assert!(read.contains("line 0 of a text (with brackets) \\ and more") && read.contains("line 129"), "{read}");
    }

    #[test]
    fn lines_break_at_spaces_and_odd_letters_become_question_marks() {
        let words = "word ".repeat(40);
        assert!(wrap(&words).iter().all(|line| line.len() <= COLUMNS && line.starts_with(b"word")));
        assert_eq!(wrap(&"x".repeat(COLUMNS + 1)).len(), 2);
        assert_eq!(wrap("caf\u{e9} \u{44f}\u{c}"), [b"caf\xe9 ?".to_vec()]);
        assert_eq!(wrap(""), [Vec::<u8>::new()]);
    }

    #[test]
    fn what_is_no_document_is_an_error_and_never_a_panic() {
        let whole = of_text("hello").unwrap();
        for end in (0..whole.len()).step_by(3) {
            let _ = page_count(&whole[..end]);
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x15;
            let _ = text(&bytes);
        }
        assert!(page_count(b"hello").is_err() && page_count(b"").is_err());
    }
}
