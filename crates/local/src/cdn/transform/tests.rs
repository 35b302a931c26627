use super::super::operations::Request;
use super::*;
use proptest::prelude::*;

/// Red on the left, blue on the right, a white stripe at the top.
fn sample(width: u32, height: u32) -> Picture {
    let image = RgbImage::from_fn(width, height, |x, y| {
        if y < height / 10 {
            Rgb([255; 3])
        } else if x < width / 2 {
            Rgb([255, 0, 0])
        } else {
            Rgb([0, 0, 255])
        }
    });
    Picture::of(image.into())
}

fn applied(path: &str, mut picture: Picture) -> DynamicImage {
    let request = Request::parse(path).unwrap_or_else(|refused| panic!("{path}: {refused}"));
    apply(&mut picture, &request.operations).unwrap_or_else(|error| panic!("{path}: {error}"));
    picture.image
}

#[test]
fn every_operation_gives_the_size_that_is_documented() {
    for (path, size) in [
        ("-/preview/", (400, 200)),
        ("-/preview/100x100/", (100, 50)),
        ("-/preview/1000x1000/", (400, 200)),
        ("-/resize/100x100/", (100, 100)),
        ("-/resize/100x/", (100, 50)),
        ("-/resize/x100/", (200, 100)),
        ("-/resize/800x/", (800, 400)),
        ("-/stretch/off/-/resize/800x/", (400, 200)),
        ("-/stretch/off/-/resize/800x100/", (400, 100)),
        ("-/stretch/fill/-/resize/800x100/", (800, 100)),
        ("-/crop/100x50/", (100, 50)),
        ("-/crop/600x50/center/", (600, 50)),
        ("-/crop/50px10p/", (200, 20)),
        ("-/crop/1:1/center/", (200, 200)),
        ("-/crop/4:1/", (400, 100)),
        ("-/scale_crop/100x100/", (100, 100)),
        ("-/scale_crop/500x500/center/", (500, 500)),
        ("-/stretch/off/-/scale_crop/500x100/", (400, 100)),
        ("-/stretch/fill/-/scale_crop/500x500/", (500, 500)),
        ("-/scale_crop/77x33/smart_faces/", (77, 33)),
        ("-/rotate/90/", (200, 400)),
        ("-/rotate/180/", (400, 200)),
        ("-/flip/-/mirror/-/invert/-/grayscale/-/blur/20/", (400, 200)),
        // In order: the second works on what the first left.
        ("-/preview/100x100/-/crop/10x40/", (10, 40)),
        ("-/crop/10x40/-/resize/100x/", (100, 400)),
    ] {
        let image = applied(path, sample(400, 200));
        assert_eq!((image.width(), image.height()), size, "{path}");
    }
}

#[test]
fn turning_and_cutting_move_the_right_pixels() {
    let near = |pixel: Rgb<u8>, colour: [u8; 3]| pixel.0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 12);
    for (path, at, colour) in [
        ("-/preview/", (5, 100), [255, 0, 0]),
        ("-/mirror/", (5, 100), [0, 0, 255]),
        ("-/flip/", (5, 195), [255, 255, 255]),
        // Against the clock: the white top comes to the left.
        ("-/rotate/90/", (5, 200), [255, 255, 255]),
        ("-/rotate/270/", (195, 200), [255, 255, 255]),
        ("-/rotate/180/", (5, 5), [0, 0, 255]),
        ("-/crop/100x100/", (5, 50), [255, 0, 0]),
        ("-/crop/100x100/right/", (5, 50), [0, 0, 255]),
        ("-/crop/100x100/300,0/", (5, 5), [255, 255, 255]),
        ("-/scale_crop/100x100/0,0/", (90, 50), [255, 0, 0]),
        ("-/scale_crop/100x100/100p,0p/", (10, 50), [0, 0, 255]),
        ("-/setfill/00ff00/-/crop/500x200/center/", (5, 100), [0, 255, 0]),
        ("-/setfill/00ff00/-/crop/100x100/1000,1000/", (5, 50), [0, 255, 0]),
        ("-/setfill/00ff00/-/stretch/fill/-/resize/600x200/", (5, 100), [0, 255, 0]),
        ("-/crop/500x200/center/", (5, 100), [255, 255, 255]),
        ("-/invert/", (5, 100), [0, 255, 255]),
    ] {
        let image = applied(path, sample(400, 200)).to_rgb8();
        assert!(near(*image.get_pixel(at.0, at.1), colour), "{path}: {:?} at {at:?}", image.get_pixel(at.0, at.1));
    }
}

#[test]
fn the_format_follows_the_path_the_client_and_the_transparency() {
    let clear = || Picture::of(RgbaImage::from_pixel(9, 9, Rgba([1, 2, 3, 40])).into());
    for (path, webp, transparent, expected) in [
        ("-/preview/", true, false, Format::WebP),
        ("-/preview/", false, false, Format::Jpeg),
        ("-/preview/", false, true, Format::Png),
        ("-/format/jpeg/", true, true, Format::Jpeg),
        ("-/format/png/-/format/webp/", false, false, Format::WebP),
        ("-/format/preserve/", true, false, Format::Jpeg),
        ("-/format/preserve/", true, true, Format::Png),
    ] {
        let picture = if transparent { clear() } else { sample(9, 9) };
        let operations = Request::parse(path).unwrap().operations;
        assert_eq!(run(picture, &operations, webp).unwrap().0, expected, "{path}");
    }
    let mut png = sample(9, 9);
    png.source = Some(Format::Png);
    assert_eq!(run(png, &Request::parse("-/format/preserve/").unwrap().operations, true).unwrap().0, Format::Png);
}

#[test]
fn quality_is_what_bytes_follow() {
    let noise =
        RgbImage::from_fn(300, 300, |x, y| Rgb([(x * 7) ^ (y * 13), x * y, x + y].map(|value| value.to_le_bytes()[0])));
    let bytes = |format: &str, quality: &str| {
        let operations = Request::parse(&format!("-/format/{format}/-/quality/{quality}/")).unwrap().operations;
        run(Picture::of(noise.clone().into()), &operations, false).unwrap().1.len()
    };
    for format in ["jpeg", "webp"] {
        let sizes = ["lightest", "lighter", "normal", "better", "best"].map(|quality| bytes(format, quality));
        assert!(sizes.is_sorted() && sizes[0] < sizes[4], "{format}: {sizes:?}");
    }
}

#[test]
fn results_have_a_largest_size() {
    let wide = || Picture::of(DynamicImage::new_luma8(10, 10));
    let run = |path: &str| run(wide(), &Request::parse(path).unwrap().operations, false);
    assert!(run("-/resize/3000x/-/format/png/").is_ok());
    let refused = run("-/resize/3001x10/").unwrap_err().to_string();
    assert!(refused.starts_with("The result would have 3001x10 pixels; at most 3000x3000 are sent."), "{refused}");
    assert!(run("-/resize/5000x10/-/format/jpeg/").is_ok());
    assert!(run("-/resize/5001x10/-/format/jpeg/").is_err());
    // On the way there is more room, but not for bombs.
    assert!(run("-/resize/5001x10/-/preview/").is_ok());
    for bomb in ["-/resize/99999x/", "-/crop/99999x99999/", "-/scale_crop/99999x99999/", "-/resize/9000x9000/"] {
        let refused = run(bomb).unwrap_err();
        assert!(matches!(refused, TransformError::Picture(PictureError::TooLarge)), "{bomb}: {refused}");
    }
}

#[test]
fn the_main_colours_come_by_share() {
    assert_eq!(main_colours(&mut sample(100, 100), 2).unwrap(), [[0, 0, 255], [255, 0, 0]]);
    assert_eq!(
        main_colours(&mut sample(100, 100), 16).unwrap().len().min(4),
        main_colours(&mut sample(100, 100), 4).unwrap().len()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_chain_of_operations_panics(
        size in (1..40u32, 1..40u32),
        steps in prop::collection::vec(
            prop_oneof![
                (1..90u32, 1..90u32).prop_map(|(w, h)| format!("-/preview/{w}x{h}/")),
                (1..90u32).prop_map(|w| format!("-/resize/{w}x/")),
                (1..90u32, 1..90u32, -9..9i32).prop_map(|(w, h, r)| format!("-/resize/{w}x{h}/-/rotate/{}/", r * 90)),
                (1..90u32, 1..90u32, 0..120u32, 0..100u32).prop_map(|(w, h, x, p)| format!("-/crop/{w}x{h}/{x},{p}p/")),
                (1..100u32, 1..100u32).prop_map(|(w, h)| format!("-/crop/{w}px{h}p/center/")),
                (1..50u32, 1..50u32).prop_map(|(w, h)| format!("-/crop/{w}:{h}/bottom/")),
                (1..90u32, 1..90u32, 0..100u32).prop_map(|(w, h, p)| format!("-/scale_crop/{w}x{h}/{p}p,{p}p/")),
                prop::sample::select(vec!["on", "off", "fill"]).prop_map(|mode| format!("-/stretch/{mode}/")),
                (0..60u32).prop_map(|n| format!("-/setfill/01020380/-/blur/{n}/-/grayscale/-/invert/")),
            ],
            0..6,
        ),
        last in (1..90u32, 1..90u32),
    ) {
        let path = format!("{}-/stretch/on/-/scale_crop/{}x{}/center/", steps.concat(), last.0, last.1);
        let image = applied(&path, sample(size.0, size.1));
        prop_assert_eq!((image.width(), image.height()), last, "{}", path);
    }
}
