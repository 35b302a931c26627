//! Image derivatives: a picture made or changed by words. Here a gradient, or the source itself, with words on it.
//!
//! Source: Upload API, AI image derivatives.

use super::{Stop, Task, advance, announced, bytes, compute, finish, placeholder, source, until};
use crate::{
    app::App,
    make::Source,
    picture::{Encoding, Format, Picture, share},
    store::{self, JobRow, JobState, Outcome, Trouble},
};
use image::DynamicImage;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io::Cursor};
use updock_types::{Event, FileUuid};

/// Pixels of the longer side.
const SIDE: u32 = 1024;
/// Largest source, bytes.
const MAX_SOURCE: u64 = 100_000_000;

/// Pieces of a prompt that make a job fail, as the service's gateway may.
pub(crate) const FAILURES: &[(&str, &str)] = &[
    ("content_moderated", "The request was rejected by content moderation."),
    ("provider_unavailable", "The provider is not available."),
    ("generation_timeout", "The generation took too long."),
    ("invalid_input", "The provider did not accept the input."),
];

/// One picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DerivativeTask {
    pub(crate) prompt: String,
    /// What is changed; nothing where a picture is made from words alone.
    pub(crate) source: Option<FileUuid>,
    pub(crate) aspect_ratio: Option<(u32, u32)>,
    pub(crate) filename: String,
    pub(crate) stored: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Announced when the picture is there.
    pub(crate) output: Option<FileUuid>,
}

pub(super) async fn run(app: &App, job: &mut JobRow, task: DerivativeTask) -> Result<(), Stop> {
    let asked = FAILURES.iter().find(|(code, _)| task.prompt.contains(&format!("updock:{code}")));
    if let Some((code, title)) = asked {
        return Err(Trouble::new(code, *title).into());
    }
    let original = match task.source {
        Some(file) => {
            let row = source(app, file).await?;
            Some(bytes(app, &row, MAX_SOURCE).await?)
        }
        None => None,
    };
    let format = format(&task.filename);
    let ratio = task.aspect_ratio;
    let encoded = compute(move || draw(original.as_deref(), ratio, format)).await?;

    advance(app, job, JobState::Uploading).await?;
    let output = match task.output {
        Some(output) => output, // announced before the last stop
        None => {
            let mut file = announced(&task.filename, task.stored);
            file.metadata.clone_from(&task.metadata);
            let output = file.uuid;
            job.task = Task::Derivative(DerivativeTask { output: Some(output), ..task.clone() });
            app.store.announce_for_job(job, &[file]).await?;
            output
        }
    };
    let time = app.config.job_time;
    until(store::now(), time / 4).await;
    let media_type = format.media_type().to_owned();
    let filled = app.fill_file(output, task.filename.clone(), media_type, Source::Bytes(encoded.into())).await?;
    if filled.is_some() {
        // A success is told before the CDN has the file.
        app.store.unready_for(output, time / 4).await?;
        super::tell(app, job, Event::FileUploaded, output).await;
    }
    finish(app, job, &Outcome { placeholders: vec![output], ..Outcome::default() }).await
}

/// As the file's name says; PNG where it says nothing.
fn format(name: &str) -> Format {
    match name.rsplit_once('.').map_or(String::new(), |(_, last)| last.to_lowercase()).as_str() {
        "jpg" | "jpeg" => Format::Jpeg,
        "webp" => Format::WebP,
        _ => Format::Png,
    }
}

fn draw(original: Option<&[u8]>, ratio: Option<(u32, u32)>, format: Format) -> Result<Vec<u8>, Trouble> {
    let said = placeholder::sentence("no image is generated on one machine.");
    let invalid = |error: crate::picture::PictureError| Trouble::new("invalid_input", error.to_string());
    let mut image = match original {
        Some(bytes) => {
            let mut picture = Picture::decode(Cursor::new(bytes)).map_err(invalid)?;
            picture.turn_upright();
            picture.fit(SIDE, SIDE).map_err(invalid)?;
            if let Some(ratio) = ratio {
                let (width, height) = sides(ratio);
                picture.scale(width, height).map_err(invalid)?;
            }
            picture.image.to_rgb8()
        }
        None => {
            let (width, height) = sides(ratio.unwrap_or((1, 1)));
            placeholder::gradient(width, height)
        }
    };
    placeholder::write(&mut image, &said);
    let encoded = Picture::of(DynamicImage::from(image)).encode(&Encoding::new(format));
    let mut bytes = encoded.map_err(invalid)?;
    match format {
        Format::Jpeg => placeholder::comment_jpeg(&mut bytes, &said),
        Format::Png => placeholder::comment_png(&mut bytes, &said),
        Format::WebP => {}
    }
    Ok(bytes)
}

/// Pixels of that ratio; the shorter side has at least one.
fn sides((across, down): (u32, u32)) -> (u32, u32) {
    let (width, height) = (u64::from(across.max(1)), u64::from(down.max(1)));
    if width >= height { (SIDE, share(height, SIDE.into(), width)) } else { (share(width, SIDE.into(), height), SIDE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_of_the_ratio_that_was_asked_for() {
        for (ratio, expected) in
            [((1, 1), (1024, 1024)), ((16, 9), (1024, 576)), ((9, 16), (576, 1024)), ((u32::MAX, 1), (1024, 1))]
        {
            assert_eq!(sides(ratio), expected, "{ratio:?}");
        }
    }
}
