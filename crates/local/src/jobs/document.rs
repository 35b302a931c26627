//! Document conversion: images for real, text to PDF and PDF to text for real, everything else as a placeholder.
//!
//! Source: REST API v0.7, Document conversion.

use super::{
    Piece, Stop, Task, announced, bytes, compute, deliver, finish,
    formats::{self, Family},
    office, pdf, placeholder, source, stem,
};
use crate::{
    app::App,
    picture::{Encoding, Format, Picture, PictureError, fitting, flat},
    store::{JobRow, Member, Outcome, Trouble},
};
use image::{DynamicImage, ImageFormat};
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use updock_types::{ConversionPath, ConversionTarget, DocumentTarget, FileUuid, GroupId};

/// Largest document that is worked on, bytes.
const MAX_SIZE: u64 = 100_000_000;
/// Most pages that are made images of; the group of them could hold a thousand.
const MAX_PAGES: u32 = 300;

/// One document to one format.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DocumentTask {
    pub(crate) source: FileUuid,
    /// In canonical form, with the source's UUID.
    pub(crate) path: String,
    /// The source's format.
    pub(crate) from: String,
    pub(crate) stored: bool,
    /// Make a group of the pages as well?
    pub(crate) group_pages: bool,
    /// Announced with the job.
    pub(crate) output: FileUuid,
    /// Announced once their number is known.
    pub(crate) pages: Vec<FileUuid>,
}

/// What a conversion comes to.
enum Made {
    Whole(Piece),
    /// An image of each page, which travel in one archive.
    Pages(Vec<Piece>),
}

pub(super) async fn run(app: &App, job: &mut JobRow, task: DocumentTask) -> Result<(), Stop> {
    let broken = || Trouble::new("internal_error", "Internal error.");
    let path = ConversionPath::parse(&task.path).map_err(|_| broken())?;
    let ConversionTarget::Document(target) = path.target else { return Err(broken().into()) };
    let row = source(app, task.source).await?;
    let whole = bytes(app, &row, MAX_SIZE).await?;
    let (from, wanted, name) = (task.from.clone(), target.clone(), stem(&row.original_filename).to_owned());
    let made = compute(move || convert(&whole, &from, &wanted, &name)).await?;

    let mut outcome = Outcome::default();
    outcome.variations.insert(target.canonical(), task.output);
    match made {
        Made::Whole(piece) => {
            if piece.placeholder {
                outcome.placeholders.push(task.output);
            }
            deliver(app, job, task.output, piece).await?;
        }
        Made::Pages(pages) => {
            outcome.placeholders.push(task.output);
            if task.group_pages {
                outcome.pages = Some(group(app, job, &task, &target, &pages).await?);
            }
            let name = format!("{}.zip", stem(&row.original_filename));
            let (pages, archive) = compute(move || {
                let files: Vec<(&str, &[u8])> =
                    pages.iter().map(|page| (page.name.as_str(), page.bytes.as_slice())).collect();
                let bytes = office::archive(&files)?;
                Ok((pages, Piece { name, mime_type: "application/zip", bytes, placeholder: true }))
            })
            .await?;
            deliver(app, job, task.output, archive).await?;
            if task.group_pages {
                let Task::Document(DocumentTask { pages: files, .. }) = &job.task else { return Err(broken().into()) };
                let files = files.clone();
                outcome.placeholders.extend(&files);
                for (file, page) in files.into_iter().zip(pages) {
                    deliver(app, job, file, page).await?;
                }
            }
        }
    }
    finish(app, job, &outcome).await
}

/// Announces a file a page, unless that was done before the last stop.
async fn group(
    app: &App,
    job: &mut JobRow,
    task: &DocumentTask,
    target: &DocumentTarget,
    pages: &[Piece],
) -> Result<(String, GroupId, Vec<Member>), Stop> {
    if task.pages.is_empty() {
        let files: Vec<_> = pages.iter().map(|page| announced(&page.name, task.stored)).collect();
        job.task = Task::Document(DocumentTask { pages: files.iter().map(|file| file.uuid).collect(), ..task.clone() });
        app.store.announce_for_job(job, &files).await?;
    }
    let Task::Document(DocumentTask { pages: files, .. }) = &job.task else {
        return Err(Trouble::new("internal_error", "Internal error.").into());
    };
    let members: Vec<_> = files.iter().map(|file| Member { file: *file, effects: String::new() }).collect();
    let id = u16::try_from(members.len()).ok().and_then(|count| GroupId::new(crate::chance::uuid(), count));
    let id = id.ok_or_else(|| Trouble::new("too_many_pages", "The document has too many pages for a group."))?;
    Ok((target.format.clone(), id, members))
}

fn convert(bytes: &[u8], from: &str, target: &DocumentTarget, stem: &str) -> Result<Made, Trouble> {
    let format = target.format.as_str();
    let extension = formats::extension(format);
    let piece = |bytes, placeholder| Piece {
        name: match target.page {
            // Whichever page it is: recorded so.
            Some(_) if formats::is_image(format) => format!("{stem}-0.{extension}"),
            _ => format!("{stem}.{format}"),
        },
        mime_type: formats::media_type(format),
        bytes,
        placeholder,
    };
    let family = formats::family(from);
    match (family, extension) {
        (Some(Family::Bitmap), _) => {
            if target.page.is_some_and(|page| page > 1) {
                return Err(no_such_page(1));
            }
            let mut picture = Picture::decode(Cursor::new(bytes)).map_err(|error| trouble(&error))?;
            picture.turn_upright();
            Ok(Made::Whole(piece(redraw(&picture, extension, target.quality)?, false)))
        }
        (Some(Family::Pdf), "txt") => Ok(Made::Whole(piece(pdf::text(bytes)?.into_bytes(), false))),
        (Some(Family::Text), "pdf") => Ok(Made::Whole(piece(pdf::of_text(&String::from_utf8_lossy(bytes))?, false))),
        (Some(Family::Text), "txt") => Ok(Made::Whole(piece(bytes.to_vec(), false))),
        _ if formats::is_image(format) => {
            let count = if family == Some(Family::Pdf) { pdf::page_count(bytes)? } else { 1 };
            if let Some(page) = target.page {
                if page > count {
                    return Err(no_such_page(count));
                }
                let bytes = page_image(from, page, count, target)?;
                return Ok(Made::Whole(piece(bytes, true)));
            }
            if count > MAX_PAGES {
                return Err(Trouble::new("too_many_pages", format!("Only {MAX_PAGES} pages can be made images of.")));
            }
            if family == Some(Family::OtherImage) {
                return Ok(Made::Whole(piece(page_image(from, 1, 1, target)?, true)));
            }
            let page = |page| {
                Ok(Piece {
                    name: format!("{stem}-{}.{extension}", page - 1),
                    mime_type: formats::media_type(format),
                    bytes: page_image(from, page, count, target)?,
                    placeholder: true,
                })
            };
            Ok(Made::Pages((1..=count).map(page).collect::<Result<_, Trouble>>()?))
        }
        _ => {
            if family == Some(Family::Pdf) {
                pdf::page_count(bytes)?; // a placeholder of what is no document would hide that it is none
            }
            let sentence = placeholder::sentence(&format!("{from} to {format} is not converted on one machine."));
            Ok(Made::Whole(piece(placeholder::document(format, &sentence)?, true)))
        }
    }
}

fn no_such_page(count: u32) -> Trouble {
    Trouble::new("page_not_found", format!("The document has {count} page(s)."))
}

/// An image in the place of a page that is not rendered.
fn page_image(from: &str, page: u32, count: u32, target: &DocumentTarget) -> Result<Vec<u8>, Trouble> {
    let sentence = placeholder::sentence(&format!("page {page} of {count} of a {from} is not rendered."));
    placeholder::image(formats::extension(&target.format), (340, 440), &sentence, target.quality)
}

fn trouble(error: &PictureError) -> Trouble {
    Trouble::new("source_invalid", error.to_string())
}

/// Writes a picture in a format.
pub(super) fn redraw(picture: &Picture, extension: &str, quality: Option<u32>) -> Result<Vec<u8>, Trouble> {
    let encode = |format| {
        let mut encoding = Encoding::new(format);
        if let Some(quality) = quality {
            encoding.quality = u8::try_from(quality.clamp(1, 100)).unwrap_or(encoding.quality);
        }
        picture.encode(&encoding).map_err(|error| trouble(&error))
    };
    let write = |image: &DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).map_err(|error| Trouble::new("conversion_failed", error.to_string()))?;
        Ok(bytes.into_inner())
    };
    let image = &picture.image;
    match extension {
        "jpg" => encode(Format::Jpeg),
        "png" => encode(Format::Png),
        "webp" => encode(Format::WebP),
        "pdf" => pdf::of_picture(&encode(Format::Jpeg)?, image),
        "svg" => Ok(placeholder::svg_around(&encode(Format::Png)?, image).into_bytes()),
        "gif" => write(&DynamicImage::from(image.to_rgba8()), ImageFormat::Gif),
        "tga" => write(&DynamicImage::from(image.to_rgba8()), ImageFormat::Tga),
        "tiff" => write(&DynamicImage::from(image.to_rgba8()), ImageFormat::Tiff),
        "bmp" => write(&DynamicImage::from(flat(image, [255; 3])), ImageFormat::Bmp),
        "ico" => {
            let (width, height) = fitting((image.width(), image.height()), (256, 256));
            let small = image.resize_exact(width, height, image::imageops::FilterType::Triangle);
            write(&DynamicImage::from(small.to_rgba8()), ImageFormat::Ico)
        }
        other => Err(Trouble::new("conversion_failed", format!("{other} cannot be written."))),
    }
}
