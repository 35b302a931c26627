//! Bodies of the Upload API: `multipart/form-data`, urlencoded, and parts.

use crate::{
    case::Case,
    words::{content, encoded, odd, once_in, or_odd, pick, some},
};
use fastrand::Rng;

const PATHS: &[&str] = &["/base/", "/multipart/start/", "/multipart/complete/", "/group/", "/from_url/"];

/// Fields with values that are taken, for all endpoints together: each ignores what is not its own.
pub(crate) fn fields(rng: &mut Rng) -> Vec<(String, String)> {
    let usual: &[(&str, &[&str])] = &[
        ("UPLOADCARE_PUB_KEY", &["demopublickey"]),
        ("pub_key", &["demopublickey"]),
        ("UPLOADCARE_STORE", &["0", "1", "auto"]),
        ("store", &["0", "1", "auto"]),
        ("filename", &["film.mp4", "a.jpeg"]),
        ("size", &["11000000", "10485760", "52428800", "1099511627776"]),
        ("part_size", &["5242880", "8388608"]),
        ("content_type", &["video/mp4", "image/png"]),
        ("uuid", &["@UPLOAD@", "@FILE@"]),
        ("tags", &["cat,dog", "a"]),
        ("metadata[pet]", &["cat"]),
        ("metadata[a.b:c-d_e]", &["v"]),
        ("files[]", &["@FILE@", "@IMAGE@", "@IMAGE@/-/resize/x10/", "http://127.0.0.1/@IMAGE@/-/preview/"]),
        ("files[0]", &["@FILE@"]),
        ("source_url", &["http://127.0.0.1:9/a.jpg", "http://192.168.1.10/1.jpg"]),
        ("check_URL_duplicates", &["0", "1"]),
        ("save_URL_duplicates", &["0", "1"]),
        ("jsonerrors", &["0", "1"]),
        ("signature", &["@HMAC+60@"]),
        ("expire", &["@NOW+60@"]),
        ("source", &["local"]),
    ];
    let mut fields = Vec::new();
    for (name, values) in usual {
        if once_in(rng, 5) {
            continue;
        }
        for _ in 0..if once_in(rng, 12) { rng.usize(..4) } else { 1 } {
            let name = match rng.u32(..60) {
                0 => odd(rng),
                1 => format!("metadata[{}]", odd(rng)),
                2 => format!("files[{}]", odd(rng)),
                _ => (*name).to_owned(),
            };
            fields.push((name, some(rng, values)));
        }
    }
    if once_in(rng, 4) {
        rng.shuffle(&mut fields);
    }
    if once_in(rng, 60) {
        let many = rng.usize(..120);
        fields.extend((0..many).map(|at| (format!("metadata[k{at}]"), at.to_string())));
    }
    fields
}

fn path(rng: &mut Rng) -> String {
    let path = pick(rng, PATHS);
    let path = or_odd_path(rng, path);
    if once_in(rng, 2) { format!("{path}?jsonerrors=1") } else { path }
}

fn or_odd_path(rng: &mut Rng, path: &str) -> String {
    match rng.u32(..40) {
        0 => path.trim_end_matches('/').to_owned(),
        1 => format!("{path}/"),
        2 => path.to_uppercase(),
        3 => format!("/{path}"),
        _ => path.to_owned(),
    }
}

pub(crate) fn multipart(rng: &mut Rng) -> Case {
    let long = "b".repeat(rng.usize(1..80));
    let boundary = pick(rng, &["X", "----updock7MA4YWxk", "a'()+_,-./:=?", long.as_str()]);
    let end = *pick(rng, &[&"\r\n", &"\r\n", &"\r\n", &"\r\n", &"\r\n", &"\n"]);
    let mut body = Vec::new();
    let mut part = |head: String, content: &[u8]| {
        body.extend(format!("--{boundary}{end}{head}{end}{end}").into_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(end.as_bytes());
    };
    for (name, value) in fields(rng) {
        part(format!("Content-Disposition: form-data; name=\"{name}\""), value.as_bytes());
    }
    for _ in 0..rng.usize(..4) {
        let name = some(rng, &["file", "my_file", "файл"]);
        let file_name = some(rng, &["a.txt", "фото.jpeg", "a b.png", "quote\\\".pdf"]);
        let mime = some(rng, &["text/plain", "image/png", "application/octet-stream"]);
        let disposition = match rng.u32(..8) {
            0 => format!("form-data; name={name}; filename*=utf-8''{}", encoded(rng, &file_name)),
            1 => format!("form-data; filename={file_name}; name=\"{name}\""),
            2 => odd(rng),
            _ => format!("form-data; name=\"{name}\"; filename=\"{file_name}\""),
        };
        let mut head = format!("Content-Disposition: {disposition}");
        if !once_in(rng, 6) {
            head = format!("{head}{end}Content-Type: {mime}");
        }
        if once_in(rng, 10) {
            head = format!("{head}{end}{}: {}", odd(rng), odd(rng));
        }
        part(head, &content(rng));
    }
    if !once_in(rng, 12) {
        body.extend(format!("--{boundary}--{end}").into_bytes());
    }
    let content_type = match rng.u32(..30) {
        0 => "multipart/form-data".to_owned(),
        1 => format!("multipart/form-data; boundary=\"{boundary}\"; charset=utf-8"),
        2 => format!("multipart/form-data; boundary={}", odd(rng)),
        3 => format!("Multipart/Form-Data;BOUNDARY={boundary}"),
        _ => format!("multipart/form-data; boundary={boundary}"),
    };
    let mut case = Case::new("POST", path(rng)).header("content-type", content_type).body(body);
    if once_in(rng, 200) {
        let length = some(rng, &["1", "99999", "104857600"]);
        case = case.header("content-length", length);
    }
    case
}

pub(crate) fn urlencoded(rng: &mut Rng) -> Case {
    let pairs: Vec<String> =
        fields(rng).iter().map(|(name, value)| format!("{}={}", encoded(rng, name), encoded(rng, value))).collect();
    let content_type = some(
        rng,
        &["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8", "application/json"],
    );
    let joint = or_odd(rng, "&");
    Case::new("POST", path(rng)).header("content-type", content_type).body(pairs.join(&joint))
}

/// `PUT` to the address of a part.
pub(crate) fn part(rng: &mut Rng) -> Case {
    let mut target = (*pick(rng, &["@PART1@", "@PART2@", "@PART3@"])).to_owned();
    let text = odd(rng);
    let text = encoded(rng, &text);
    match rng.u32(..8) {
        0 => target = format!("{target}&{}={text}", pick(rng, &["partNumber", "uploadId", "X-Amz-Expires"])),
        1 => {
            let (name, number) = (pick(rng, &["a", ""]), pick(rng, &["0", "1", "10001"]));
            target = format!("/@UPLOAD@/{name}?partNumber={number}&uploadId={text}");
        }
        2 => target = format!("/@FILE@/?{text}"),
        _ => {}
    }
    let body = if once_in(rng, 12) { vec![b'x'; rng.usize(..200_000)] } else { content(rng) };
    let mut case = Case::new("PUT", target).body(body);
    if once_in(rng, 4) {
        case = case.header("content-type", some(rng, &["application/octet-stream"]));
    }
    if once_in(rng, 20) {
        case = case.header("authorization", odd(rng));
    }
    if once_in(rng, 100) {
        case = case.header("content-length", some(rng, &["5242880", "0", "5368709121"]));
    }
    case
}
