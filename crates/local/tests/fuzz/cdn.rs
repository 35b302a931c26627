//! Paths of the CDN: originals, operations, groups.

use crate::{
    case::Case,
    words::{odd, once_in, or_odd, pick, some},
};
use fastrand::Rng;

const OPERATIONS: &[(&str, &[&str])] = &[
    ("preview", &["", "100x100", "1x1", "3000x3000"]),
    ("resize", &["10x", "x10", "10x10"]),
    ("crop", &["10x10", "10x10/center", "10x10/5,5", "50px50p/25p,25p", "1:1", "face"]),
    ("scale_crop", &["10x10", "10x10/center", "10x10/smart", "10x10/smart_faces_points"]),
    ("smart_resize", &["10x10"]),
    ("format", &["jpeg", "png", "webp", "avif", "auto", "preserve"]),
    ("quality", &["normal", "better", "best", "lighter", "lightest", "smart", "smart_retina"]),
    ("progressive", &["yes", "no"]),
    ("rotate", &["0", "90", "180", "270"]),
    ("autorotate", &["yes", "no"]),
    ("flip", &[""]),
    ("mirror", &[""]),
    ("setfill", &["ffffff", "fff0", "ffffffff"]),
    ("stretch", &["on", "off", "fill"]),
    ("blur", &["10", "5000"]),
    ("sharp", &["10"]),
    ("grayscale", &[""]),
    ("invert", &[""]),
    ("overlay", &["@IMAGE@/50%x50%/center/20p", "self/10x10"]),
    ("border_radius", &["10", "50p"]),
    ("rect", &["fff/10x10/0,0"]),
    ("text", &["10x10/center/hello"]),
    ("inline", &["yes", "no", ""]),
    ("json", &[""]),
    ("main_colors", &["5"]),
    ("gif2video", &[""]),
    ("strip_meta", &["all", "none"]),
    ("cut", &["0/1"]),
];

fn operations(rng: &mut Rng) -> String {
    let mut path = String::new();
    for _ in 0..rng.usize(..5) {
        let (name, values) = OPERATIONS[rng.usize(..OPERATIONS.len())];
        let (name, value) = (or_odd(rng, name), some(rng, values));
        path.push_str(pick(rng, &["-/", "-/", "-/", "-/", "-/", "/", "-", ""]));
        path.push_str(&name);
        path.push('/');
        if !value.is_empty() {
            path.push_str(&value.replace('%', "%25"));
            path.push('/');
        }
    }
    path
}

pub(crate) fn request(rng: &mut Rng) -> Case {
    let file = some(rng, &["@IMAGE@", "@IMAGE@", "@JPEG@", "@FILE@"]);
    let mut target = match rng.u32(..8) {
        0 => format!("/@GROUP@/nth/{}/{}", some(rng, &["0", "1"]), operations(rng)),
        1 => format!(
            "/{}/{}",
            some(rng, &["@GROUP@", "@FILE@~1"]),
            some(rng, &["", "gallery/", "archive/zip/", "archive/tar/a.tar"])
        ),
        2 => format!("/{file}/{}", some(rng, &["", "a.txt", "a/b"])),
        3 => format!("/{file}"),
        4 => format!("/{file}/{}/", some(rng, &["gif2video", "video", "adaptive_video"])),
        _ => format!("/{file}/{}", operations(rng)),
    };
    if once_in(rng, 4) {
        target.push_str(&some(rng, &["cat.jpg", "a%20b.png"]));
    }
    if once_in(rng, 6) {
        target.push('?');
        target.push_str(&odd(rng).replace(['#', ' '], "+"));
    }
    let target: String = target.chars().filter(|c| !c.is_control() && *c != '#').collect();
    let mut case = Case::new(pick(rng, &["GET", "GET", "GET", "HEAD", "OPTIONS"]), target);
    if once_in(rng, 3) {
        let range = some(rng, &["bytes=0-1", "bytes=-1", "bytes=1-", "bytes=0-0,2-3", "bytes=9-1", "bytes=99999999-"]);
        case = case.header("range", range);
    }
    for (name, values) in [
        ("if-none-match", &["*", "\"a\"", "W/\"a\", \"b\""][..]),
        ("if-match", &["*", "\"a\""]),
        ("if-range", &["\"a\"", "Tue, 24 Nov 2026 18:00:00 GMT"]),
        ("if-modified-since", &["Tue, 24 Nov 2026 18:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"]),
        ("accept", &["image/avif,image/webp,*/*", "*/*"]),
        ("origin", &["http://127.0.0.1:4000"]),
    ] {
        if once_in(rng, 8) {
            case = case.header(name, some(rng, values));
        }
    }
    case
}
