//! Images made to measure, facts of images, and groups, as a page asks for them.

use crate::client::*;
use http::Method;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};
use serde_json::json;
use std::io::Cursor;

/// Red on the left, blue on the right.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) })
}

/// The bytes of a PNG, red on the left and blue on the right.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    written(&halves(width, height).into(), ImageFormat::Png)
}

fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A photo of a camera that was held on its side: 60x40 as stored, 40x60 as seen.
pub(crate) fn turned_jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    // TIFF, little-endian, one field: Orientation = 6.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    encoder.add_exif_metadata(exif).unwrap();
    encoder.encode(&halves(60, 40), 60, 40, ColorType::Rgb).unwrap();
    bytes
}

fn decoded(answer: &Answer) -> DynamicImage {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    image::load_from_memory(&answer.body).unwrap()
}

fn size(answer: &Answer) -> (u32, u32) {
    let image = decoded(answer);
    (image.width(), image.height())
}

const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

#[tokio::test]
async fn a_page_gets_images_of_the_size_it_asks_for() {
    let service = service().await;
    let uuid = service.upload("wide.png", "image/png", &png(300, 150)).await;
    for (operations, expected) in [
        ("-/preview/", (300, 150)),
        ("-/preview/100x100/", (100, 50)),
        ("-/preview/100x100/cat.jpg", (100, 50)),
        ("-/resize/x75/", (150, 75)),
        ("-/scale_crop/80x80/center/", (80, 80)),
        ("-/crop/100x100/right/-/resize/10x/", (10, 10)),
        ("-/rotate/90/-/preview/60x60/", (30, 60)),
        ("-/stretch/off/-/resize/900x/", (300, 150)),
    ] {
        assert_eq!(size(&service.get(&format!("/{uuid}/{operations}")).await), expected, "{operations}");
    }
    let right = decoded(&service.get(&format!("/{uuid}/-/crop/100x100/right/-/format/png/")).await).to_rgb8();
    assert_eq!(right.get_pixel(50, 50), &Rgb([0, 0, 255]));
}

#[tokio::test]
async fn the_format_is_the_best_that_the_client_takes() {
    let service = service().await;
    let photo = service.upload("photo.png", "image/png", &png(40, 40)).await;
    let clear = written(&RgbaImage::from_pixel(8, 8, Rgba([9, 9, 9, 0])).into(), ImageFormat::Png);
    let clear = service.upload("clear.png", "image/png", &clear).await;
    let gif = written(&RgbaImage::from_pixel(8, 8, Rgba([9, 9, 9, 255])).into(), ImageFormat::Gif);
    let gif = service.upload("old.gif", "image/gif", &gif).await;
    for (uuid, operations, accept, mime, name) in [
        (&photo, "-/preview/", BROWSER, "image/webp", "photo.webp"),
        (&photo, "-/preview/", "*/*", "image/jpeg", "photo.jpg"),
        (&photo, "-/format/auto/", BROWSER, "image/webp", "photo.webp"),
        (&photo, "-/format/jpeg/", BROWSER, "image/jpeg", "photo.jpg"),
        (&photo, "-/format/preserve/", BROWSER, "image/png", "photo.png"),
        (&photo, "-/preview/me.jpg", "*/*", "image/jpeg", "me.jpg"),
        (&clear, "-/preview/", BROWSER, "image/webp", "clear.webp"),
        (&clear, "-/preview/", "*/*", "image/png", "clear.png"),
        (&gif, "-/preview/", "*/*", "image/jpeg", "old.jpg"),
    ] {
        let path = format!("/{uuid}/{operations}");
        let answer = service.send(Method::GET, &path, &[("accept", accept)], "").await;
        assert_eq!(answer.header("content-type"), mime, "{operations} for {accept}");
        assert_eq!(answer.header("content-disposition"), format!("inline; filename=\"{name}\""));
        let varies = if operations.contains("format/jpeg") || operations.contains("preserve") { "" } else { "Accept" };
        assert_eq!(answer.header("vary"), varies, "{operations}");
        let guessed = image::guess_format(&answer.body).unwrap();
        assert_eq!(guessed.to_mime_type(), mime);
    }
    let progressive = service.get(&format!("/{photo}/-/format/jpeg/-/progressive/yes/")).await;
    assert!(progressive.body.windows(2).any(|marker| marker == [0xff, 0xc2]), "no progressive frame");
}

#[tokio::test]
async fn photos_stand_upright_unless_they_shall_not() {
    let service = service().await;
    let uuid = service.upload("photo.jpg", "image/jpeg", &turned_jpeg()).await;
    assert_eq!(service.info(&uuid).await["image_info"]["orientation"], 6);
    let upright = service.get(&format!("/{uuid}/-/preview/-/format/png/")).await;
    assert_eq!(size(&upright), (40, 60));
    // Turned with the clock: what was left is at the top now.
    assert!(decoded(&upright).to_rgb8().get_pixel(20, 5).0[0] > 200);
    let lying = service.get(&format!("/{uuid}/-/autorotate/no/-/preview/")).await;
    assert_eq!(size(&lying), (60, 40));
}

#[tokio::test]
async fn a_finished_image_is_kept_and_asked_for_again_at_no_cost() {
    let directory = tempfile::tempdir().unwrap();
    let config = updock_local::Config {
        storage: updock_local::Storage::Directory(directory.path().to_owned()),
        ..updock_local::Config::default()
    };
    let service = service_with(config.clone()).await;
    let uuid = service.upload("a.png", "image/png", &png(60, 60)).await;
    let path = format!("/{uuid}/-/preview/30x30/");
    let first = service.get(&path).await;
    let etag = first.header("etag").to_owned();
    assert_eq!(first.header("cache-control"), "public, max-age=31536000, immutable");
    let kept = || std::fs::read_dir(directory.path().join("cache")).unwrap().count();
    assert_eq!(kept(), 1);
    let second = service.get(&path).await;
    assert!((second.header("etag"), &second.body) == (etag.as_str(), &first.body) && kept() == 1);
    let known = service.send(Method::GET, &path, &[("if-none-match", &etag)], "").await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    // Another client, another picture.
    let webp = service.send(Method::GET, &path, &[("accept", BROWSER)], "").await;
    assert!(webp.header("etag") != etag && kept() == 2);

    let length = first.body.len();
    let part = service.send(Method::GET, &path, &[("range", "bytes=10-19"), ("if-range", &etag)], "").await;
    assert_eq!((part.status.as_u16(), part.header("content-range")), (206, &*format!("bytes 10-19/{length}")));
    assert_eq!(part.body, first.body[10..20]);
    let beyond = service.send(Method::GET, &path, &[("range", "bytes=999999-")], "").await;
    assert_eq!((beyond.status.as_u16(), beyond.header("content-range")), (416, &*format!("bytes */{length}")));
    let head = service.send(Method::HEAD, &path, &[], "").await;
    assert_eq!((head.status.as_u16(), head.header("content-length"), head.body.len()), (200, &*length.to_string(), 0));

    // A removed file is not served from what was kept.
    crate::rest_api::send(&service, Method::DELETE, &format!("/files/{uuid}/storage/")).await;
    assert_eq!(service.get(&path).await.status, 404);
    assert_eq!(service.send(Method::POST, "/_local/reset", &[], "").await.status, 204);
    assert!(!directory.path().join("cache").exists());
}

#[tokio::test]
async fn facts_and_colours_come_as_json() {
    let service = service().await;
    let uuid = service.upload("photo.jpg", "image/jpeg", &turned_jpeg()).await;
    let facts = service.get(&format!("/{uuid}/-/json/")).await;
    assert_eq!(facts.header("content-type"), "application/json");
    let expected = json!({
        "id": uuid, "dpi": null, "width": 60, "format": "JPEG", "height": 40, "sequence": false, "color_mode": "RGB",
        "orientation": 6, "geo_location": null, "datetime_original": null,
    });
    let mut facts = facts.json();
    facts.as_object_mut().unwrap().retain(|key, _| key != "dpi");
    let mut without = expected.clone();
    without.as_object_mut().unwrap().retain(|key, _| key != "dpi");
    assert_eq!(facts, without);
    let png = service.upload("a.png", "image/png", &png(60, 60)).await;
    let colours = service.get(&format!("/{png}/-/preview/-/main_colors/2/")).await.json();
    assert_eq!(colours, json!({ "id": png, "main_colors": [[0, 0, 255], [255, 0, 0]] }));
    let text = service.upload("a.txt", "text/plain", b"hello").await;
    assert_eq!(service.get(&format!("/{text}/-/json/")).await.json(), json!({ "id": text }));
}

#[tokio::test]
async fn hostile_and_strange_images_are_refused_in_words() {
    let service = service().await;
    let mut bomb = png(2, 2);
    bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let cut = &png(200, 200)[..200];
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    for (bytes, mime, sentence) in [
        (&bomb[..], "image/png", "the image is damaged"),
        (cut, "image/png", "the image is damaged"),
        (heic, "image/heic", "this is no image of a format that can be worked on here"),
        (b"\xff\xd8\xff\xe0", "image/jpeg", "the image is damaged"),
    ] {
        let uuid = service.upload("a.img", mime, bytes).await;
        let answer = service.get(&format!("/{uuid}/-/preview/")).await;
        assert_eq!(answer.status, 400, "{sentence}");
        assert!(answer.text().starts_with(sentence), "{}", answer.text());
    }
    let uuid = service.upload("a.png", "image/png", &png(10, 10)).await;
    let answer = service.get(&format!("/{uuid}/-/resize/4000x/")).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("4000x4000 pixels; at most 3000x3000"), "{}", answer.text());
    let svg = service.upload("a.svg", "image/svg+xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>").await;
    let answer = service.get(&format!("/{svg}/-/preview/100x100/")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/svg+xml"));
    assert!(answer.header("content-security-policy").starts_with("sandbox"));
}

#[tokio::test]
async fn a_group_lists_its_files_and_serves_each_by_its_number() {
    let service = service().await;
    let a = service.upload("a.png", "image/png", &png(60, 30)).await;
    let b = service.upload("<b>.txt", "text/plain", b"hello").await;
    let edited = format!("{a}/-/resize/20x/");
    let form =
        Form::default().field("pub_key", KEY).field("files[0]", &a).field("files[1]", &b).field("files[2]", &edited);
    let group = service.form("/group/", form).await.uuid("id");
    for path in [format!("/{group}/"), format!("/{group}")] {
        let page = service.get(&path).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert_eq!(page.header("content-security-policy"), "default-src 'none'");
        for part in [format!("href=\"/{a}/\""), format!("href=\"/{a}/-/resize/20x/\""), "&lt;b&gt;.txt".to_owned()] {
            assert!(page.text().contains(&part), "no {part} in {}", page.text());
        }
        assert!(!page.text().contains("<b>"));
    }
    assert_eq!(size(&service.get(&format!("/{group}/nth/0/")).await), (60, 30));
    assert_eq!(service.get(&format!("/{group}/nth/1/b.txt")).await.text(), "hello");
    assert_eq!(size(&service.get(&format!("/{group}/nth/0/-/preview/30x30/")).await), (30, 15));
    assert_eq!(size(&service.get(&format!("/{group}/nth/2/")).await), (20, 10), "what was frozen at grouping counts");
    assert_eq!(size(&service.get(&format!("/{group}/nth/2/-/crop/5x5/")).await), (5, 5));
    for path in ["nth/3/", "nth/x/", "nth/-1/", "nth/18446744073709551616/"] {
        assert_eq!(service.get(&format!("/{group}/{path}")).await.status, 404, "{path}");
    }
    assert_eq!(service.get(&format!("/{group}/archive/zip/")).await.status, 400);
    crate::rest_api::send(&service, Method::DELETE, &format!("/files/{b}/storage/")).await;
    assert_eq!(service.get(&format!("/{group}/nth/1/")).await.status, 404);
    assert!(service.get(&format!("/{group}/")).await.text().contains("was removed"));
}

#[tokio::test]
async fn a_group_takes_only_operations_that_there_are() {
    let service = service().await;
    let a = service.upload("a.png", "image/png", &png(6, 3)).await;
    for (operations, fine) in [("-/enhance/50/-/preview/", true), ("-/resize/huge/", false), ("-/nope/", false)] {
        let member = format!("{a}/{operations}");
        let form = Form::default().field("pub_key", KEY).field("files[0]", &member);
        let answer = service.form("/group/", form).await;
        let refused = format!("This is not valid file url: {member}.");
        assert_eq!(answer.text() != refused, fine, "{operations}: {}", answer.text());
    }
}
