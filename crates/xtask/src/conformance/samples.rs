//! The files that the SDKs upload: small, and of every kind that the stand-in does something with.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::error::{Doing, Error, Result};
use crate::samples;

/// More than one part, and more than the least that multipart takes.
const LARGE: u64 = 11_000_000;
const PAGES: usize = 3;

/// Makes them all in `folder`.
pub(crate) fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).doing_at("make", folder)?;
    samples::noise(folder, "large.bin", LARGE)?;
    for (name, bytes) in [
        ("photo.jpg", photo()?),
        ("document.pdf", pdf(PAGES).into_bytes()),
        ("film.mp4", film()),
        // The test file of every virus scanner, in two pieces, so that none of them takes this file for it.
        (
            "eicar.com",
            [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes(),
        ),
    ] {
        let path = folder.join(name);
        fs::write(&path, bytes).doing_at("write", &path)?;
    }
    Ok(())
}

/// A small JPEG of something before a background.
fn photo() -> Result<Vec<u8>> {
    const WIDTH: u16 = 96;
    const HEIGHT: u16 = 64;
    let pixel = |x: u16, y: u16| {
        let (across, down) = (i32::from(x) - i32::from(WIDTH / 2), i32::from(y) - i32::from(HEIGHT / 2));
        if across * across + down * down < 20 * 20 { [200, 80, 40] } else { [225, 230, 235] }
    };
    let pixels: Vec<u8> = (0..HEIGHT).flat_map(|y| (0..WIDTH).flat_map(move |x| pixel(x, y))).collect();
    let mut jpeg = Vec::new();
    jpeg_encoder::Encoder::new(&mut jpeg, 90)
        .encode(&pixels, WIDTH, HEIGHT, jpeg_encoder::ColorType::Rgb)
        .map_err(|error| Error::Check(format!("the photo cannot be made: {error}")))?;
    Ok(jpeg)
}

/// A PDF of so many pages with a line of text on each. ISO 32000-1, 7.5.
fn pdf(pages: usize) -> String {
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {pages} >>", kids.join(" ")),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for page in 0..pages {
        let text = format!("BT /F1 24 Tf 40 100 Td (Page {}) Tj ET", page + 1);
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + 2 * page
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()));
    }
    let mut pdf = String::from("%PDF-1.4\n");
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        let _ = write!(pdf, "{} 0 obj\n{object}\nendobj\n", at + 1);
    }
    let start = pdf.len();
    let _ = write!(pdf, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        let _ = writeln!(pdf, "{offset:010} 00000 n ");
    }
    let _ = write!(pdf, "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    pdf
}

/// The head of an MP4 with nothing to show: what tells a film by its bytes needs no more. ISO 14496-12, 4.3.
fn film() -> Vec<u8> {
    let atom = |name: &[u8; 4], content: &[u8]| {
        let size = u32::try_from(8 + content.len()).unwrap_or(u32::MAX);
        [&size.to_be_bytes()[..], name, content].concat()
    };
    [atom(b"ftyp", b"isom\0\0\x02\0isomiso2mp41"), atom(b"free", &[0; 32]), atom(b"mdat", &[0; 256])].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pdf_says_truly_where_its_objects_are() {
        let pdf = pdf(2);
        let table = pdf.split("xref\n").nth(1).unwrap();
        for (at, line) in table.lines().skip(2).take(7).enumerate() {
            let offset: usize = line[..10].parse().unwrap();
            assert!(pdf[offset..].starts_with(&format!("{} 0 obj", at + 1)), "{line}");
        }
        let start: usize = pdf.lines().rev().nth(1).unwrap().parse().unwrap();
        assert!(pdf[start..].starts_with("xref"));
    }
}
