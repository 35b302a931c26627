//! Video conversion: placeholders of the size, format and number that were asked for. Nothing is transcoded.
//!
//! Source: REST API v0.7, Video conversion.

use super::{Piece, Stop, compute, deliver, finish, placeholder, source, video_file};
use crate::{
    app::App,
    picture::{Encoding, Format, Picture},
    store::{FileRow, JobRow, Outcome, Trouble},
};
use image::DynamicImage;
use serde::{Deserialize, Serialize};
use updock_types::{ConversionPath, ConversionTarget, FileUuid, GroupId, VideoFormat, VideoTarget};

/// One video to one format, with its thumbnails.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VideoTask {
    pub(crate) source: FileUuid,
    /// In canonical form, with the source's UUID.
    pub(crate) path: String,
    /// Announced with the job.
    pub(crate) output: FileUuid,
    /// Announced with the job, in order.
    pub(crate) thumbs: Vec<FileUuid>,
    /// Of the thumbnails; made with the job.
    pub(crate) group: GroupId,
}

/// Pixels where the path names none; those of the source are not looked for.
const SIZE: (u32, u32) = (320, 180);
/// Longest side of a placeholder.
const MAX_SIDE: u32 = 1280;

pub(super) async fn run(app: &App, job: &mut JobRow, task: VideoTask) -> Result<(), Stop> {
    let path = ConversionPath::parse(&task.path);
    let Ok(ConversionPath { target: ConversionTarget::Video(target), .. }) = path else {
        return Err(Trouble::new("internal_error", "Internal error.").into());
    };
    let row = source(app, task.source).await?;
    if !is_video(&row) {
        return Err(Trouble::new("source_invalid", "The source file is no video or sound.").into());
    }
    let wanted = target.clone();
    let (film, thumbs) = compute(move || {
        let film = film(&wanted)?;
        let thumbs: Vec<_> = wanted.thumbs.wanted().map(|at| thumb(&wanted, at)).collect::<Result<_, _>>()?;
        Ok((film, thumbs))
    })
    .await?;

    let mut outcome = Outcome::default();
    outcome.variations.insert(target.canonical(), task.output);
    outcome.placeholders.push(task.output);
    deliver(app, job, task.output, film).await?;
    for ((at, file), piece) in target.thumbs.wanted().zip(&task.thumbs).zip(thumbs) {
        outcome.variations.insert(target.canonical_thumb(at), *file);
        outcome.placeholders.push(*file);
        deliver(app, job, *file, piece).await?;
    }
    finish(app, job, &outcome).await
}

/// What the bytes say, or, for containers that are not recognised, what was declared.
fn is_video(row: &FileRow) -> bool {
    let moving = |mime: &str| mime.starts_with("video/") || mime.starts_with("audio/") || mime == "application/ogg";
    let detected = row.content_info.mime.as_ref().map_or("", |mime| mime.mime.as_str());
    moving(detected) || (detected == "application/octet-stream" && moving(&row.mime_type))
}

/// Its name is known as soon as the job is.
pub(crate) fn output_name(target: &VideoTarget) -> String {
    format!("video.{}", target.format.as_str())
}

/// Counted among those that are made.
pub(crate) fn thumb_name(index: u8) -> String {
    format!("thumbnail_{index}.jpg")
}

fn film(target: &VideoTarget) -> Result<Piece, Trouble> {
    let said = placeholder::sentence("videos are not transcoded on one machine.");
    let picture = Picture::of(DynamicImage::from(placeholder::paint(size(target), &said)));
    let bytes = video_file::write(target.format, &picture, &said)?;
    let mime_type = match target.format {
        VideoFormat::Mp4 => "video/mp4",
        VideoFormat::Webm => "video/webm",
        VideoFormat::Ogg => "audio/ogg", // recorded so
    };
    Ok(Piece { name: output_name(target), mime_type, bytes, placeholder: true })
}

fn thumb(target: &VideoTarget, at: u8) -> Result<Piece, Trouble> {
    let said = placeholder::sentence(&format!("thumbnail {at} of {} of a video.", target.thumbs.count()));
    let bytes = placeholder::image(
        Format::Jpeg.extension(),
        size(target),
        &said,
        Some(Encoding::new(Format::Jpeg).quality.into()),
    )?;
    Ok(Piece { name: thumb_name(at), mime_type: Format::Jpeg.media_type(), bytes, placeholder: true })
}

fn size(target: &VideoTarget) -> (u32, u32) {
    let Some(asked) = target.size else { return SIZE };
    let by_four = |side: u32| (side / 4 * 4).clamp(4, MAX_SIDE);
    match (asked.width(), asked.height()) {
        (Some(width), Some(height)) => (by_four(width), by_four(height)),
        (Some(width), None) => (by_four(width), by_four(width.min(MAX_SIDE) * 9 / 16)),
        (None, Some(height)) => (by_four(height.min(MAX_SIDE) * 16 / 9), by_four(height)),
        (None, None) => SIZE,
    }
}
