use super::*;
use image::{Rgba, RgbaImage};

fn gradient(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 128])).into()
}

fn decode(bytes: &[u8]) -> Result<Picture, PictureError> {
    Picture::decode(Cursor::new(bytes))
}

/// A profile as far as anybody here looks into it.
fn profile() -> Vec<u8> {
    let mut bytes = vec![0; 131];
    bytes[16..20].copy_from_slice(b"RGB ");
    bytes
}

#[test]
fn what_is_written_is_read_again_with_size_and_profile() {
    let mut picture = Picture::of(gradient(60, 40));
    picture.profile = Some(profile());
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        for progressive in [false, true] {
            let bytes = picture.encode(&Encoding { progressive, ..Encoding::new(format) }).unwrap();
            let again = decode(&bytes).unwrap();
            assert_eq!((again.image.width(), again.image.height()), (60, 40), "{format:?}");
            assert_eq!(again.profile, Some(profile()), "{format:?}");
            let (was, is) = (picture.image.to_rgb8(), again.image.to_rgb8());
            let worst = was.iter().zip(is.iter()).map(|(was, is)| was.abs_diff(*is)).max().unwrap();
            assert!(worst < 40, "{format:?}: {worst}");
        }
    }
}

#[test]
fn transparency_lives_on_or_gets_a_background() {
    let half = RgbaImage::from_fn(20, 20, |x, _| if x < 10 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 0, 0, 0]) });
    let mut picture = Picture::of(half.into());
    assert!(picture.is_transparent());
    for profile in [None, Some(profile())] {
        picture.profile = profile;
        for format in [Format::Png, Format::WebP] {
            let again = decode(&picture.encode(&Encoding::new(format)).unwrap()).unwrap();
            assert_eq!(again.image.to_rgba8().get_pixel(15, 5).0[3], 0, "{format:?}");
        }
    }
    let green = Encoding { background: [0, 255, 0], ..Encoding::new(Format::Jpeg) };
    let again = decode(&picture.encode(&green).unwrap()).unwrap().image.to_rgb8();
    assert!(again.get_pixel(17, 5).0[1] > 240 && again.get_pixel(2, 5).0[0] > 240);
}

#[test]
fn scaling_lends_no_colour_of_transparent_pixels() {
    // Transparent green beside opaque red: the edge may fade, but never turn green.
    let half = RgbaImage::from_fn(40, 4, |x, _| if x < 20 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) });
    let mut picture = Picture::of(half.into());
    picture.scale(13, 2).unwrap();
    assert!(picture.image.to_rgba8().pixels().all(|pixel| pixel.0[3] == 0 || pixel.0[1] < 8));
}

#[test]
fn fitting_keeps_proportions_and_never_enlarges() {
    for (size, frame, expected) in [
        ((4000, 3000), (2048, 2048), (2048, 1536)),
        ((3000, 4000), (2048, 2048), (1536, 2048)),
        ((100, 50), (2048, 2048), (100, 50)),
        ((100, 50), (40, 40), (40, 20)),
        ((10_000, 1), (100, 100), (100, 1)),
        ((3, 3), (1, 1), (1, 1)),
    ] {
        assert_eq!(fitting(size, frame), expected, "{size:?} into {frame:?}");
    }
}

#[test]
fn an_image_bomb_is_refused_before_its_pixels_are_made() {
    // 65535 x 65535 in a head; nothing behind it is worth reading.
    let mut png = Picture::of(gradient(1, 1)).encode(&Encoding::new(Format::Png)).unwrap();
    png[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let mut crc = check_sum(&png[12..29]).to_be_bytes();
    png[29..33].swap_with_slice(&mut crc);
    assert!(matches!(decode(&png), Err(PictureError::TooLarge)));
    let jpeg = b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x11\0\x02\x11\0\x03\x11\0\xff\xd9";
    assert!(matches!(decode(jpeg), Err(PictureError::TooLarge | PictureError::Damaged(_))));
    assert!(matches!(Picture::of(gradient(2, 2)).scale(20_000, 20_000), Err(PictureError::TooLarge)));
}

/// The check sum of PNG chunks, bit by bit.
fn check_sum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    for format in [Format::Jpeg, Format::Png, Format::WebP] {
        let bytes = Picture::of(gradient(33, 17)).encode(&Encoding::new(format)).unwrap();
        for end in (0..bytes.len()).step_by(7) {
            let _ = decode(&bytes[..end]);
        }
        for at in (0..bytes.len()).step_by(5) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x55;
            let _ = decode(&bytes);
        }
    }
    assert!(matches!(decode(b"hello, world, this is text"), Err(PictureError::Format)));
    assert!(matches!(decode(b""), Err(PictureError::Format)));
}

#[test]
fn sides_that_a_format_cannot_hold_are_said() {
    let wide = Picture::of(DynamicImage::new_luma8(70_000, 1));
    for format in [Format::Jpeg, Format::WebP] {
        assert!(matches!(wide.encode(&Encoding::new(format)), Err(PictureError::Dimensions { .. })), "{format:?}");
    }
    assert!(wide.encode(&Encoding::new(Format::Png)).is_ok());
}
