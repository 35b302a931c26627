//! Small valid files that stand for what one machine cannot make, and say so in words.

use super::{document, formats, office, pdf};
use crate::{picture::Picture, store::Trouble};
use base64::{Engine, prelude::BASE64_STANDARD};
use font8x8::legacy::BASIC_LEGACY;
use image::{DynamicImage, Rgb, RgbImage};

/// What every placeholder says.
pub(crate) fn sentence(what: &str) -> String {
    format!("Placeholder made by updock-local: {what}")
}

/// A document of that format with one sentence in it.
pub(super) fn document(format: &str, sentence: &str) -> Result<Vec<u8>, Trouble> {
    let text = escape(sentence);
    Ok(match format {
        "pdf" => pdf::of_text(sentence)?,
        "txt" | "md" => format!("{sentence}\n").into_bytes(),
        "csv" => format!("\"{}\"\r\n", sentence.replace('"', "\"\"")).into_bytes(),
        // Excel opens a table in HTML under this name.
        "xls" => html(&format!("<table><tr><td>{text}</td></tr></table>")).into_bytes(),
        "html" => html(&format!("<p>{text}</p>")).into_bytes(),
        // Word opens RTF under this name.
        "rtf" | "doc" => rtf(sentence).into_bytes(),
        "svg" => svg((400, 300), &format!(r#"<text x="16" y="32" font-size="12">{text}</text>"#)).into_bytes(),
        "docx" => office::docx(&text)?,
        "xlsx" => office::xlsx(&text)?,
        "odt" | "ods" => office::open_document(formats::media_type(format), &text)?,
        "epub" => office::epub(&text)?,
        other => return Err(Trouble::new("conversion_failed", format!("{other} cannot be written."))),
    })
}

/// An image of that format: the sentence on a gradient, and in the file's own comment where the format has one.
pub(super) fn image(
    extension: &str,
    size: (u32, u32),
    sentence: &str,
    quality: Option<u32>,
) -> Result<Vec<u8>, Trouble> {
    if extension == "svg" {
        return document("svg", sentence);
    }
    let picture = Picture::of(DynamicImage::from(paint(size, sentence)));
    let mut bytes = document::redraw(&picture, extension, quality)?;
    match extension {
        "jpg" => comment_jpeg(&mut bytes, sentence),
        "png" => comment_png(&mut bytes, sentence),
        _ => {}
    }
    Ok(bytes)
}

/// A gradient with words on it.
pub(super) fn paint((width, height): (u32, u32), words: &str) -> RgbImage {
    let mut image = gradient(width, height);
    write(&mut image, words);
    image
}

/// Blue, lighter to the right and below; of at least one pixel.
pub(super) fn gradient(width: u32, height: u32) -> RgbImage {
    let (width, height) = (width.max(1), height.max(1));
    let share = |at: u32, of: u32, from: u8, to: u8| {
        let (from, to, at, of) = (i64::from(from), i64::from(to), i64::from(at), i64::from(of.max(1)));
        u8::try_from((from * (of - at) + to * at) / of).unwrap_or(u8::MAX)
    };
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([share(x, width, 36, 118), share(y, height, 59, 92), share(x + y, width + height, 96, 178)])
    })
}

/// Writes words at the top, as many as there is room for.
pub(super) fn write(image: &mut RgbImage, words: &str) {
    let (width, height) = image.dimensions();
    // Letters of eight pixels, larger where there is room for thirty of them in a line.
    let scale = (width / (8 * 30)).clamp(1, 6);
    let letter = 8 * scale;
    let columns = usize::try_from(width.saturating_sub(letter) / letter).unwrap_or(0);
    if columns < 4 {
        return;
    }
    for (row, line) in lines(words, columns).iter().enumerate() {
        let top = letter / 2 + u32::try_from(row).unwrap_or(0) * (letter + letter / 2);
        if top + letter > height {
            break;
        }
        for (column, character) in line.bytes().enumerate() {
            let left = letter / 2 + u32::try_from(column).unwrap_or(0) * letter;
            draw(image, (left, top), scale, character);
        }
    }
}

fn draw(image: &mut RgbImage, (left, top): (u32, u32), scale: u32, character: u8) {
    let rows = BASIC_LEGACY.get(usize::from(character)).unwrap_or(&BASIC_LEGACY[usize::from(b'?')]);
    for (y, bits) in (0..).zip(rows) {
        for x in (0..8).filter(|x| bits >> x & 1 == 1) {
            for (dx, dy) in (0..scale).flat_map(|dx| (0..scale).map(move |dy| (dx, dy))) {
                if let Some(pixel) = image.get_pixel_mut_checked(left + x * scale + dx, top + y * scale + dy) {
                    *pixel = Rgb([255; 3]);
                }
            }
        }
    }
}

/// Words in lines of at most so many letters; a longer word is cut.
fn lines(words: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let word: String = word.chars().map(|c| if c.is_ascii() { c } else { '?' }).take(columns).collect();
        match lines.last_mut() {
            Some(last) if last.is_empty() => *last = word,
            Some(last) if last.len() + 1 + word.len() <= columns => {
                last.push(' ');
                last.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Source: ITU-T T.81, B.2.4.5.
pub(super) fn comment_jpeg(bytes: &mut Vec<u8>, text: &str) {
    if let Ok(length) = u16::try_from(text.len() + 2)
        && bytes.starts_with(b"\xff\xd8")
    {
        let segment = [&b"\xff\xfe"[..], &length.to_be_bytes(), text.as_bytes()].concat();
        bytes.splice(2..2, segment);
    }
}

/// Behind the head, which is always 33 bytes. Source: PNG specification, tEXt.
pub(super) fn comment_png(bytes: &mut Vec<u8>, text: &str) {
    if bytes.starts_with(b"\x89PNG") && bytes.len() > 33 {
        let body = [&b"tEXtComment\0"[..], text.as_bytes()].concat();
        let length = u32::try_from(body.len() - 4).unwrap_or(0).to_be_bytes();
        let sum = crc32fast::hash(&body).to_be_bytes();
        bytes.splice(33..33, [&length[..], &body, &sum].concat());
    }
}

/// An SVG that shows the picture, given as PNG too.
pub(super) fn svg_around(png: &[u8], image: &DynamicImage) -> String {
    let size = (image.width(), image.height());
    let picture = BASE64_STANDARD.encode(png);
    svg(size, &format!(r#"<image width="100%" height="100%" href="data:image/png;base64,{picture}"/>"#))
}

fn svg((width, height): (u32, u32), inside: &str) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">{inside}</svg>"#
    )
}

fn html(inside: &str) -> String {
    format!("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Placeholder</title>{inside}</html>\n")
}

fn rtf(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '\\' | '{' | '}' => format!("\\{c}"),
            c if c.is_ascii() => c.to_string(),
            _ => "?".to_owned(),
        })
        .collect();
    format!("{{\\rtf1\\ansi\\deff0{{\\fonttbl{{\\f0 Courier;}}}}\\f0\\fs24 {escaped}\\par}}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// What can be read of a file without knowing its format: the texts of an archive unpacked.
    fn readable(bytes: &[u8]) -> String {
        let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else {
            return pdf::text(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned());
        };
        (0..archive.len()).map(|at| std::io::read_to_string(archive.by_index(at).unwrap()).unwrap()).collect()
    }

    #[test]
    fn every_document_format_on_offer_says_what_it_is() {
        let said = sentence("docx to pdf is not converted & more.");
        for source in ["pdf", "txt", "docx", "xlsx", "pptx"] {
            for target in formats::targets(source).into_iter().filter(|target| !formats::is_image(target)) {
                let bytes = document(target, &said).unwrap();
                let text = readable(&bytes);
                assert!(text.contains("Placeholder made by updock-local: docx to pdf"), "{target}: {text}");
            }
        }
    }

    #[test]
    fn every_image_format_on_offer_can_be_decoded_and_says_it_where_it_can() {
        let said = sentence("page 1 of 3 is not rendered.");
        for target in formats::targets("pdf").into_iter().chain(formats::targets("jpg")) {
            let extension = formats::extension(target);
            if !formats::is_image(target) {
                continue;
            }
            let bytes = image(extension, (340, 440), &said, None).unwrap();
            if extension == "svg" {
                assert!(String::from_utf8(bytes).unwrap().contains(&said));
                continue;
            }
            if let "jpg" | "png" = extension {
                assert!(String::from_utf8_lossy(&bytes).contains(&said), "{target}");
            }
            if extension == "tga" {
                continue; // it has no signature to be recognised by
            }
            let picture = Picture::decode(Cursor::new(bytes)).unwrap_or_else(|error| panic!("{target}: {error}"));
            assert!(picture.image.width() >= 190, "{target}");
        }
    }

    #[test]
    fn no_size_and_no_words_make_it_panic() {
        for size in [(0, 0), (1, 1), (7, 300), (300, 7), (64, 64), (4000, 2)] {
            assert_eq!(paint(size, "wörds \u{1f600} and a-word-that-is-longer-than-a-line").width(), size.0.max(1));
            paint(size, "");
        }
    }
}
