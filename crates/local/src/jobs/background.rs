//! Removing a background of one colour: what lies around and looks like the border becomes transparent.
//!
//! Far from what remove.bg does with photographs, but it is done to the picture itself; where the border has no colour
//! of its own, nothing is found in front of it and the run fails as the service's does.

use super::placeholder;
use crate::{
    picture::{Encoding, Format, Picture},
    store::Trouble,
};
use image::{DynamicImage, Rgba, RgbaImage};
use std::io::Cursor;

/// How far a pixel may be from the border's colour, over three channels.
const NEAR: u32 = 90;
/// How much of the border must be near its own mean.
const UNIFORM: f64 = 0.9;

/// What of the run's parameters is heeded here; the rest is accepted and changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// Cut off what is transparent all around.
    pub(super) crop: bool,
    /// White where something is, black where nothing is, instead of the picture.
    pub(super) alpha_only: bool,
}

/// The picture as PNG without its background.
pub(super) fn remove(bytes: &[u8], wishes: Wishes) -> Result<Vec<u8>, Trouble> {
    let mut picture =
        Picture::decode(Cursor::new(bytes)).map_err(|error| Trouble::new("source_invalid", error.to_string()))?;
    picture.turn_upright();
    let mut image = picture.image.to_rgba8();
    if !clear(&mut image) {
        return Err(Trouble::new("unknown_foreground", "Could not identify foreground in image"));
    }
    if wishes.crop {
        image = crop(&image);
    }
    let result = if wishes.alpha_only {
        let mut mask = image::GrayImage::new(image.width(), image.height());
        for (to, from) in mask.pixels_mut().zip(image.pixels()) {
            to.0 = [from.0[3]];
        }
        DynamicImage::from(mask)
    } else {
        DynamicImage::from(image)
    };
    let encoded = Picture::of(result).encode(&Encoding::new(Format::Png));
    let mut bytes = encoded.map_err(|error| Trouble::new("conversion_failed", error.to_string()))?;
    placeholder::comment_png(&mut bytes, &placeholder::sentence("only a background of one colour is removed."));
    Ok(bytes)
}

/// Makes transparent what hangs together with the border; `false` where there is no background or nothing else.
fn clear(image: &mut RgbaImage) -> bool {
    let (width, height) = image.dimensions();
    let border: Vec<(u32, u32)> = (0..width)
        .flat_map(|x| [(x, 0), (x, height - 1)])
        .chain((0..height).flat_map(|y| [(0, y), (width - 1, y)]))
        .collect();
    let mut sum = [0u64; 3];
    for (x, y) in &border {
        let pixel = image.get_pixel(*x, *y).0;
        for (sum, value) in sum.iter_mut().zip(pixel) {
            *sum += u64::from(value);
        }
    }
    let count = border.len().max(1) as u64;
    let mean = sum.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX));
    let near = |pixel: &Rgba<u8>| {
        let distance: u32 = pixel.0.iter().zip(mean).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
        pixel.0[3] < 16 || distance <= NEAR
    };
    let alike = border.iter().filter(|(x, y)| near(image.get_pixel(*x, *y))).count();
    #[expect(clippy::cast_precision_loss, reason = "a border has fewer pixels than a float has digits")]
    let uniform = alike as f64 >= border.len() as f64 * UNIFORM;
    if !uniform {
        return false;
    }
    let mut open = border;
    let mut cleared = vec![false; width as usize * height as usize];
    let mut count = 0;
    while let Some((x, y)) = open.pop() {
        let at = y as usize * width as usize + x as usize;
        if cleared[at] || !near(image.get_pixel(x, y)) {
            continue;
        }
        cleared[at] = true;
        count += 1;
        image.put_pixel(x, y, Rgba([0; 4]));
        let left = x.checked_sub(1).map(|x| (x, y));
        let up = y.checked_sub(1).map(|y| (x, y));
        let right = (x + 1 < width).then_some((x + 1, y));
        let down = (y + 1 < height).then_some((x, y + 1));
        open.extend([left, up, right, down].into_iter().flatten());
    }
    count > 0 && count < cleared.len()
}

fn crop(image: &RgbaImage) -> RgbaImage {
    let seen = image.enumerate_pixels().filter(|(.., pixel)| pixel.0[3] > 0);
    let bounds = seen.fold(None, |bounds: Option<(u32, u32, u32, u32)>, (x, y, _)| {
        let (left, top, right, bottom) = bounds.unwrap_or((x, y, x, y));
        Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
    });
    match bounds {
        None => image.clone(),
        Some((left, top, right, bottom)) => {
            image::imageops::crop_imm(image, left, top, right - left + 1, bottom - top + 1).to_image()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    fn png(image: RgbImage) -> Vec<u8> {
        Picture::of(DynamicImage::from(image)).encode(&Encoding::new(Format::Png)).unwrap()
    }

    /// A red square of ten pixels on white.
    fn square() -> Vec<u8> {
        png(RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb(if (10..20).contains(&x) && (10..20).contains(&y) { [200, 0, 0] } else { [250, 252, 255] })
        }))
    }

    fn removed(wishes: Wishes) -> DynamicImage {
        Picture::decode(Cursor::new(remove(&square(), wishes).unwrap())).unwrap().image
    }

    #[test]
    fn what_is_around_goes_and_what_is_inside_stays() {
        let image = removed(Wishes::default()).to_rgba8();
        assert_eq!((image.dimensions(), image.get_pixel(0, 0).0[3]), ((40, 30), 0));
        assert_eq!(image.get_pixel(15, 15).0, [200, 0, 0, 255]);
        let cropped = removed(Wishes { crop: true, ..Wishes::default() });
        assert_eq!((cropped.width(), cropped.height()), (10, 10));
        let mask = removed(Wishes { alpha_only: true, ..Wishes::default() }).to_luma8();
        assert_eq!((mask.get_pixel(0, 0).0, mask.get_pixel(15, 15).0), ([0], [255]));
    }

    #[test]
    fn without_a_background_or_a_foreground_it_says_so() {
        let noise = RgbImage::from_fn(32, 32, |x, y| {
            image::Rgb([x * 83, y * 47, x * y].map(|value| u8::try_from(value % 256).unwrap()))
        });
        for picture in [noise, RgbImage::from_pixel(8, 8, image::Rgb([9, 9, 9])), RgbImage::new(1, 1)] {
            assert_eq!(remove(&png(picture), Wishes::default()).unwrap_err().code, "unknown_foreground");
        }
        assert_eq!(remove(b"no picture", Wishes::default()).unwrap_err().code, "source_invalid");
    }
}
