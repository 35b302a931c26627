//! What opens: `Authorization` of the REST API, tokens and signatures of the Upload API.

use crate::{
    case::{Case, SECRET},
    words::{encoded, odd, once_in, or_odd, pick, some},
};
use fastrand::Rng;

const VERSION: &str = "application/vnd.uploadcare-v0.7+json";

pub(crate) fn authorization(rng: &mut Rng) -> Case {
    let (method, target) = *rng
        .choice(
            [
                ("GET", "/files/"),
                ("GET", "/project/"),
                ("GET", "/files/@FILE@/"),
                ("PUT", "/files/@FILE@/metadata/pet/"),
                ("POST", "/webhooks/"),
            ]
            .iter(),
        )
        .unwrap();
    let accept = some(
        rng,
        &[VERSION, "application/vnd.uploadcare-v0.6+json, application/vnd.uploadcare-v0.7+json;q=0.5", "*/*"],
    );
    let key = or_odd(rng, "demopublickey");
    let mut case = Case::new(method, target).header("accept", accept);
    match rng.u32(..6) {
        0 => case = case.header("authorization", odd(rng)),
        1 | 2 => {
            let scheme = some(rng, &["Uploadcare.Simple", "uploadcare.simple", "Uploadcare.Simple "]);
            case = case.header("authorization", format!("{scheme} {key}:{}", or_odd(rng, SECRET)));
        }
        _ => {
            let proof = some(rng, &["@RESTSIGNATURE@", "@RESTSIGNATURE@0", "zz"]);
            case = case.header("authorization", format!("Uploadcare {key}:{proof}"));
            let date = some(
                rng,
                &["@DATE@", "@DATE-899@", "@DATE-901@", "@DATE+901@", "@NOW@", "Tuesday, 24-Nov-26 18:00:00 GMT"],
            );
            case = case.header(pick(rng, &["x-uploadcare-date", "x-uploadcare-date", "date"]), date);
            if once_in(rng, 4) {
                case = case.header("date", odd(rng));
            }
        }
    }
    if method != "GET" {
        case = case.header("content-type", some(rng, &["application/json"])).body(some(rng, &["\"cat\"", "{}"]));
    }
    case
}

fn open_upload(rng: &mut Rng) -> Case {
    match rng.u32(..5) {
        0 => Case::new("POST", "/multipart/start/?jsonerrors=1")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("UPLOADCARE_PUB_KEY=demopublickey&filename=a&size=11000000&content_type=a"),
        1 => Case::new("POST", "/group/?jsonerrors=1")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("pub_key=demopublickey&files[]=@FILE@"),
        2 => Case::new("POST", "/from_url/?jsonerrors=1")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("pub_key=demopublickey&source_url=http://127.0.0.1:9/"),
        3 => Case::new("POST", "/derivative/image/generate/")
            .header("content-type", "application/json")
            .body(r#"{"pub_key":"demopublickey","prompt":"a cat","aspect_ratio":[1,1],"filename":"a.png"}"#),
        _ => Case::new("POST", "/base/?jsonerrors=1").header("content-type", "multipart/form-data; boundary=X").body(
            "--X\r\nContent-Disposition: form-data; name=\"UPLOADCARE_PUB_KEY\"\r\n\r\ndemopublickey\r\n--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--X--\r\n",
        ),
    }
}

/// Texts inside the token are odd too, with a good signature over them: most of the checks come after it.
pub(crate) fn token(rng: &mut Rng) -> Case {
    let header = match rng.u32(..8) {
        0 => format!(
            r#"{{"alg":"{}","typ":"JWT"}}"#,
            some(rng, &["none", "HS512", "RS256", "hs256"]).replace(['"', '\\'], "")
        ),
        1 => r#"{"alg":"HS256","typ":"JWT","kid":"a","crit":["exp"],"x5c":["AA"]}"#.to_owned(),
        2 => odd(rng),
        _ => r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(),
    };
    let mut claims = vec![
        format!(
            "\"exp\":{}",
            some(rng, &["@NOW+60@", "@NOW-20@", "@NOW-40@", "@NOW+86400@", "@NOW+86401@", "1e20", "null"])
        ),
        format!("\"iat\":{}", some(rng, &["@NOW@", "@NOW+20@", "@NOW+40@", "0", "-1", "1.5"])),
    ];
    if once_in(rng, 2) {
        let scope = some(rng, &["/base/", "/*", "/multipart/*", "/group/", "*", "", "/**"]).replace(['"', '\\'], "");
        let operations = some(rng, &["1", "2", "100000", "100001", "0"]);
        let (scope, operations) =
            (format!("\"scope\":[\"{scope}\"]"), format!("\"limits\":{{\"operations\":{operations}}}"));
        let inside = match rng.u32(..4) {
            0 => scope,
            1 => operations,
            2 => String::new(),
            _ => format!("{scope},{operations}"),
        };
        claims.push(format!("\"uc\":{{\"restrictions\":{{{inside}}}}}"));
    }
    for name in ["iss", "sub", "jti", "aud", "nbf"] {
        if once_in(rng, 12) {
            claims.push(format!("\"{name}\":{}", some(rng, &["\"a\"", "1", "null", "[]", "@NOW+999@"])));
        }
    }
    let text = format!("@TOKEN:{header}|{{{}}}:TOKEN@", claims.join(","));
    let text = match rng.u32(..12) {
        0 => format!("{text}.{text}"),
        1 => odd(rng),
        _ => text,
    };
    let scheme = some(rng, &["Bearer", "Bearer", "bearer", "Bearer ", "Uploadcare.Simple"]);
    open_upload(rng).header("authorization", format!("{scheme} {text}"))
}

pub(crate) fn signature(rng: &mut Rng) -> Case {
    let mut case = open_upload(rng);
    let expire = some(rng, &["@NOW+60@", "@NOW-60@", "0", "1e9"]);
    let signature = some(rng, &["@HMAC+60@", "@HMAC-60@", "zz", "A0"]);
    let target = String::from_utf8(case.target).unwrap();
    let joint = if target.contains('?') { '&' } else { '?' };
    let pairs = format!("signature={}&expire={}", encoded(rng, &signature), encoded(rng, &expire));
    case.target = format!("{target}{joint}{pairs}").into_bytes();
    case
}
