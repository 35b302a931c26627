//! Archives, and the office files that are archives of XML: just enough of each to open and read one sentence.
//! Sources: Office Open XML (ECMA-376), `OpenDocument` 1.3, EPUB 3.3.

use super::formats;
use crate::store::Trouble;
use std::io::{Cursor, Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// An archive of these files, in order.
pub(super) fn archive(files: &[(&str, &[u8])]) -> Result<Vec<u8>, Trouble> {
    let failed = |error: &dyn std::fmt::Display| Trouble::new("conversion_failed", error.to_string());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        // OpenDocument and EPUB want their type first and as it is; and pictures do not get smaller.
        let stored = *name == "mimetype" || matches!(formats::extension(name), "jpg" | "png");
        let method = if stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).map_err(|error| failed(&error))?;
        writer.write_all(bytes).map_err(|error| failed(&error))?;
    }
    Ok(writer.finish().map_err(|error| failed(&error))?.into_inner())
}

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// The types of an Office Open XML package, its parts given by name and type.
fn types(parts: &[(&str, &str)]) -> String {
    let part = |(name, kind): &(&str, &str)| {
        format!(
            r#"<Override PartName="/{name}" ContentType="application/vnd.openxmlformats-officedocument.{kind}+xml"/>"#
        )
    };
    let parts: String = parts.iter().map(part).collect();
    format!(
        r#"{XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>{parts}</Types>"#
    )
}

fn relation(kind: &str, target: &str) -> String {
    format!(
        r#"{XML}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" Target="{target}"/></Relationships>"#
    )
}

/// A Word document. `text` is escaped already.
pub(super) fn docx(text: &str) -> Result<Vec<u8>, Trouble> {
    let types = types(&[("word/document.xml", "wordprocessingml.document.main")]);
    let relations = relation("officeDocument", "word/document.xml");
    let document = format!(
        r#"{XML}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"#
    );
    archive(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", relations.as_bytes()),
        ("word/document.xml", document.as_bytes()),
    ])
}

/// An Excel workbook with one cell. `text` is escaped already.
pub(super) fn xlsx(text: &str) -> Result<Vec<u8>, Trouble> {
    let types = types(&[
        ("xl/workbook.xml", "spreadsheetml.sheet.main"),
        ("xl/worksheets/sheet1.xml", "spreadsheetml.worksheet"),
    ]);
    let relations = relation("officeDocument", "xl/workbook.xml");
    let workbook = format!(
        r#"{XML}<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Placeholder" sheetId="1" r:id="rId1"/></sheets></workbook>"#
    );
    let sheet = format!(
        r#"{XML}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row></sheetData></worksheet>"#
    );
    archive(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", relations.as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml").as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

/// An `OpenDocument` text or spreadsheet. `text` is escaped already.
pub(super) fn open_document(mime: &str, text: &str) -> Result<Vec<u8>, Trouble> {
    let manifest = format!(
        r#"{XML}<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3"><manifest:file-entry manifest:full-path="/" manifest:media-type="{mime}"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"#
    );
    let body = if mime.ends_with("spreadsheet") {
        format!(
            r#"<office:spreadsheet><table:table table:name="Placeholder"><table:table-row><table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>"#
        )
    } else {
        format!("<office:text><text:p>{text}</text:p></office:text>")
    };
    let content = format!(
        r#"{XML}<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.3"><office:body>{body}</office:body></office:document-content>"#
    );
    archive(&[
        ("mimetype", mime.as_bytes()),
        ("META-INF/manifest.xml", manifest.as_bytes()),
        ("content.xml", content.as_bytes()),
    ])
}

/// An e-book of one chapter. `text` is escaped already.
pub(super) fn epub(text: &str) -> Result<Vec<u8>, Trouble> {
    let container = format!(
        r#"{XML}<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"#
    );
    let package = format!(
        r#"{XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">urn:updock-local:placeholder</dc:identifier><dc:title>Placeholder</dc:title><dc:language>en</dc:language><meta property="dcterms:modified">2026-01-01T00:00:00Z</meta></metadata><manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/><item id="text" href="text.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="text"/></spine></package>"#
    );
    let page = |body: &str| {
        format!(
            r#"{XML}<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title>Placeholder</title></head><body>{body}</body></html>"#
        )
    };
    let nav = page(r#"<nav epub:type="toc"><ol><li><a href="text.xhtml">Placeholder</a></li></ol></nav>"#);
    let chapter = page(&format!("<p>{text}</p>"));
    archive(&[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container.as_bytes()),
        ("book.opf", package.as_bytes()),
        ("nav.xhtml", nav.as_bytes()),
        ("text.xhtml", chapter.as_bytes()),
    ])
}
