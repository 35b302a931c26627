//! Runs of the add-ons: virus scan, labels, moderation, background removal.
//!
//! The virus scan knows one virus and the background removal one kind of background; labels are the colours of the
//! picture, which are computed, and moderation finds what a file's name asks it to find. All of that is said in what
//! they report. Source: REST API v0.7, Add-ons and application data.

use super::{Piece, Stop, Task, announced, background, bytes, compute, deliver, source, stem, tell, virus};
use crate::{
    app::App,
    events::{Notice, Previous},
    picture::Picture,
    store::{FileRow, JobRow, Keeping, Outcome, StoreError, Trouble},
};
use image::{DynamicImage, RgbImage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io, io::Cursor};
use updock_types::{Event, FileUuid, rest::Addon};

/// Largest file that is scanned, bytes. Source: REST API v0.7, virus scan.
const MAX_SCANNED: u64 = 512 * 1024 * 1024;
/// Largest picture that is looked at, bytes.
const MAX_PICTURE: u64 = 100_000_000;

/// A piece of a file's name that makes moderation find something.
pub(crate) const UNSAFE_NAME: &str = "updock-unsafe";

/// One run on one file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AddonTask {
    pub(crate) addon: Addon,
    pub(crate) target: FileUuid,
    pub(crate) params: AddonParams,
    /// Announced when the result is there; remove.bg only.
    pub(crate) output: Option<FileUuid>,
}

/// What of the parameters is heeded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AddonParams {
    /// Remove the file if it is infected.
    pub(crate) purge_infected: bool,
    pub(crate) crop: bool,
    pub(crate) alpha_only: bool,
    /// What the foreground is said to be; reported where a level of types was asked for.
    pub(crate) foreground_type: Option<String>,
}

pub(super) async fn run(app: &App, job: &mut JobRow, task: AddonTask) -> Result<(), Stop> {
    let row = source(app, task.target).await?;
    match task.addon {
        Addon::VirusScan => scan(app, job, &task, &row).await,
        Addon::Labels => {
            let picture = picture(app, &row).await?;
            let data = compute(move || Ok(labels(&picture))).await?;
            report(app, job, &task, data, "2016-06-27").await
        }
        Addon::Moderation => {
            picture(app, &row).await?; // what is no image cannot be judged
            report(app, job, &task, moderation(&row.original_filename), "2016-06-27").await
        }
        Addon::RemoveBg => remove_background(app, job, task, &row).await,
    }
}

/// Ends the run: what was found is written and told.
async fn report(app: &App, job: &JobRow, task: &AddonTask, data: Value, version: &'static str) -> Result<(), Stop> {
    let outcome = Outcome {
        findings: Some((task.addon, data, version)),
        placeholders: task.output.into_iter().collect(),
        ..Outcome::default()
    };
    let previous = app.store.finish_job(job.id, Some(task.target), &outcome).await?;
    if let Some(previous) = previous {
        let notice =
            Notice::by_addon(Event::FileInfoUpdated, task.target, task.addon.as_str(), Some(job.request.to_string()));
        app.tell(notice.replacing(Previous::Appdata(previous))).await;
    }
    Ok(())
}

async fn scan(app: &App, job: &JobRow, task: &AddonTask, row: &FileRow) -> Result<(), Stop> {
    if row.size > MAX_SCANNED {
        return Err(Trouble::new("source_too_large", "The file is too large to be scanned.").into());
    }
    let (blobs, file) = (app.store.blobs.clone(), row.uuid);
    let infected = tokio::task::spawn_blocking(move || virus::is_infected(&mut blobs.read(file)?)).await;
    let infected = infected.map_err(io::Error::other).and_then(|infected| infected).map_err(StoreError::from)?;
    let data =
        if infected { json!({ "infected": true, "infected_with": virus::NAME }) } else { json!({ "infected": false }) };
    let purge = infected && task.params.purge_infected;
    if purge {
        app.store.change_file(task.target, Keeping::Remove).await?;
    }
    report(app, job, task, data, "1.5.3").await?;
    if infected {
        tell(app, job, Event::FileInfected, task.target).await;
    }
    if purge {
        tell(app, job, Event::FileDeleted, task.target).await;
    }
    Ok(())
}

async fn remove_background(app: &App, job: &mut JobRow, task: AddonTask, row: &FileRow) -> Result<(), Stop> {
    let whole = bytes(app, row, MAX_PICTURE).await?;
    let wishes = background::Wishes { crop: task.params.crop, alpha_only: task.params.alpha_only };
    let bytes = compute(move || background::remove(&whole, wishes)).await?;
    let name = format!("{}.png", stem(&row.original_filename));
    let output = match task.output {
        Some(output) => output, // announced before the last stop
        None => {
            let file = announced(&name, app.config.autostore);
            let output = file.uuid;
            job.task = Task::Addon(AddonTask { output: Some(output), ..task.clone() });
            app.store.announce_for_job(job, &[file]).await?;
            output
        }
    };
    deliver(app, job, output, Piece { name, mime_type: "image/png", bytes, placeholder: true }).await?;
    let data = match &task.params.foreground_type {
        Some(kind) => json!({ "foreground_type": kind }),
        None => json!({}),
    };
    report(app, job, &AddonTask { output: Some(output), ..task }, data, "1.0").await
}

/// The picture, small: colours do not need more.
async fn picture(app: &App, row: &FileRow) -> Result<RgbImage, Stop> {
    let whole = bytes(app, row, MAX_PICTURE).await?;
    compute(move || {
        let mut picture =
            Picture::decode(Cursor::new(whole)).map_err(|error| Trouble::new("source_invalid", error.to_string()))?;
        picture.turn_upright();
        picture.fit(64, 64).map_err(|error| Trouble::new("source_invalid", error.to_string()))?;
        Ok(DynamicImage::from(crate::picture::flat(&picture.image, [255; 3])).to_rgb8())
    })
    .await
}

/// The colours that cover a twentieth of the picture or more, and its orientation.
fn labels(picture: &RgbImage) -> Value {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for pixel in picture.pixels() {
        *counts.entry(colour(pixel.0)).or_default() += 1;
    }
    let total = f64::from(picture.width()) * f64::from(picture.height());
    let mut shares: Vec<(&str, f64)> =
        counts.into_iter().map(|(name, count)| (name, f64::from(count) * 100.0 / total.max(1.0))).collect();
    shares.sort_by(|one, other| other.1.total_cmp(&one.1));
    let label = |name: &str, confidence: f64, parent: &str| {
        json!({
            "Name": name,
            "Confidence": (confidence * 1000.0).round() / 1000.0,
            "Parents": [{ "Name": parent }],
            "Instances": [],
        })
    };
    let colours = shares.iter().filter(|(_, share)| *share >= 5.0).map(|(name, share)| label(name, *share, "Color"));
    let shape = match picture.width().cmp(&picture.height()) {
        std::cmp::Ordering::Less => "Portrait Orientation",
        std::cmp::Ordering::Equal => "Square",
        std::cmp::Ordering::Greater => "Landscape Orientation",
    };
    let labels: Vec<_> = colours.chain([label(shape, 100.0, "Shape")]).collect();
    json!({ "LabelModelVersion": "updock-local placeholder: colours only", "Labels": labels })
}

/// A colour in one word.
fn colour([red, green, blue]: [u8; 3]) -> &'static str {
    let (r, g, b) = (i32::from(red), i32::from(green), i32::from(blue));
    let (top, bottom) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = top - bottom;
    if top < 50 {
        return "Black";
    }
    if chroma < 30 {
        return if bottom > 200 { "White" } else { "Gray" };
    }
    // Degrees around the circle of colours.
    let hue = if top == r {
        (60 * (g - b) / chroma).rem_euclid(360)
    } else if top == g {
        120 + 60 * (b - r) / chroma
    } else {
        240 + 60 * (r - g) / chroma
    };
    match hue {
        15..45 if top < 160 => "Brown",
        15..45 => "Orange",
        45..70 => "Yellow",
        70..165 => "Green",
        165..200 => "Cyan",
        200..260 => "Blue",
        260..300 => "Purple",
        300..345 => "Pink",
        _ => "Red",
    }
}

/// Nothing, unless the file's name asks for something.
fn moderation(name: &str) -> Value {
    let labels = if name.to_lowercase().contains(UNSAFE_NAME) {
        json!([
            { "Name": "Violence", "ParentName": "", "Confidence": 97.5 },
            { "Name": "Weapons", "ParentName": "Violence", "Confidence": 97.5 },
        ])
    } else {
        json!([])
    };
    json!({ "ModerationModelVersion": "updock-local placeholder: goes by the file's name", "ModerationLabels": labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_colours_of_the_picture() {
        let half = RgbImage::from_fn(40, 20, |x, _| image::Rgb(if x < 30 { [20, 60, 220] } else { [230, 40, 30] }));
        let found = labels(&half);
        let named: Vec<_> = found["Labels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|label| (label["Name"].as_str().unwrap(), label["Confidence"].as_f64().unwrap()))
            .collect();
        assert_eq!(named, [("Blue", 75.0), ("Red", 25.0), ("Landscape Orientation", 100.0)]);
        assert!(found["LabelModelVersion"].as_str().unwrap().contains("placeholder"));
    }

    #[test]
    fn every_colour_has_a_name() {
        for (rgb, name) in [
            ([0, 0, 0], "Black"),
            ([255, 255, 255], "White"),
            ([128, 128, 128], "Gray"),
            ([255, 0, 0], "Red"),
            ([255, 0, 40], "Red"),
            ([255, 140, 0], "Orange"),
            ([120, 70, 20], "Brown"),
            ([250, 240, 30], "Yellow"),
            ([20, 200, 40], "Green"),
            ([0, 220, 230], "Cyan"),
            ([0, 0, 255], "Blue"),
            ([140, 40, 220], "Purple"),
            ([255, 60, 200], "Pink"),
        ] {
            assert_eq!(colour(rgb), name, "{rgb:?}");
        }
    }

    #[test]
    fn moderation_finds_what_a_name_asks_for() {
        assert_eq!(moderation("cat.jpg")["ModerationLabels"], json!([]));
        assert_eq!(moderation("My-Updock-Unsafe.jpg")["ModerationLabels"][1]["ParentName"], "Violence");
    }
}
