//! AI image derivatives: what is asked, how far it is, who may. Source: Upload API, AI image derivatives.

use crate::{
    client::*,
    conversion::{file, text, until},
};
use http::Method;
use serde_json::{Value, json};
use std::{io::Cursor, time::Duration};
use updock_local::Config;
use updock_sign::{TokenClaims, mint_token, upload_signature};

fn open() -> Config {
    Config { signed_derivatives: false, ..Config::default() }
}

/// As the one client sends it: JSON, and errors in the envelope.
async fn ask(service: &Service, what: &str, body: &Value, more: &[(&str, &str)]) -> Answer {
    let headers = [&[("content-type", "application/json"), ("accept", "application/json")], more].concat();
    service.send(Method::POST, &format!("/derivative/image/{what}/"), &headers, body.to_string()).await
}

async fn status(service: &Service, job: &str) -> Answer {
    let target = format!("/derivative/status/?pub_key={KEY}&job_id={job}");
    service.send(Method::GET, &target, &[("accept", "application/json")], "").await
}

fn job(answer: &Answer) -> String {
    let answer = answer.json();
    assert_eq!(answer["type"], "job", "{answer}");
    text(&answer["job_id"]).to_owned()
}

async fn ended(service: &Service, job: &str) -> Value {
    let done =
        |frame: &Value| frame["status"] == "error" || (frame["status"] == "success" && frame["is_ready"] == true);
    until(|| async { status(service, job).await.json() }, done).await
}

fn generating() -> Value {
    json!({ "pub_key": KEY, "prompt": "a cat", "aspect_ratio": [16, 9], "filename": "cat.png" })
}

async fn picture(service: &Service) -> String {
    let image = image::RgbImage::from_pixel(80, 40, image::Rgb([200, 30, 30]));
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    service.upload("red.png", "image/png", &bytes.into_inner()).await
}

#[tokio::test]
async fn a_picture_goes_through_every_state() {
    let service = service_with(Config { job_time: Duration::from_millis(800), ..open() }).await;
    let mut body = generating();
    body["metadata"] = json!({ "album": "cats" });
    let job = job(&ask(&service, "generate", &body, &[]).await);
    let mut seen: Vec<Value> = Vec::new();
    until(
        || async { status(&service, &job).await.json() },
        |frame| frame["status"] == "success" && frame["is_ready"] == true,
    )
    .await;
    // What was seen on the way depends on time; asked again from the start, it is seen in this order only.
    let second = self::job(&ask(&service, "generate", &generating(), &[]).await);
    loop {
        let frame = status(&service, &second).await.json();
        let state = json!([frame["type"], frame["status"], frame["is_ready"]]);
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        if frame["is_ready"] == true {
            break;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(
        seen,
        [
            json!(["job", "processing", null]),
            json!(["job", "uploading", null]),
            json!([null, "success", false]),
            json!([null, "success", true]),
        ]
    );
    let done = status(&service, &job).await.json();
    let uuid = text(&done["uuid"]);
    assert_eq!((&done["original_filename"], &done["mime_type"]), (&json!("cat.png"), &json!("image/png")));
    assert_eq!((&done["image_info"]["width"], &done["image_info"]["height"]), (&json!(1024), &json!(576)));
    assert_eq!((&done["metadata"], &done["is_stored"]), (&json!({ "album": "cats" }), &json!(true)));
    let bytes = service.get(&format!("/{uuid}/")).await.body;
    assert!(String::from_utf8_lossy(&bytes).contains("Placeholder made by updock-local: "));
}

#[tokio::test]
async fn an_edit_starts_from_its_source() {
    let service = service_with(open()).await;
    let source = picture(&service).await;
    for (more, name, size) in [
        (json!({}), "edited.png", (80, 40)),
        (
            json!({ "aspect_ratio": [1, 1], "store": false, "reference_sources": [], "seed": 7 }),
            "edited.jpg",
            (1024, 1024),
        ),
    ] {
        let mut body = json!({ "pub_key": KEY, "prompt": "blue", "source": source, "filename": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let done = ended(&service, &job(&ask(&service, "edit", &body, &[]).await)).await;
        assert_eq!(done["is_stored"], body.get("store").is_none());
        let bytes = service.get(&format!("/{}/", text(&done["uuid"]))).await.body;
        let image = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(image.dimensions(), size);
        let [red, green, _] = image.get_pixel(size.0 - 2, size.1 - 2).0;
        assert!(red > 180 && green < 60, "it is not the source");
    }
    assert_eq!(file(&service, &source).await["size"], service.info(&source).await["size"], "the source stays");
}

#[tokio::test]
async fn every_mistake_has_its_own_code() {
    let service = service_with(open()).await;
    let (image, no_image) = (picture(&service).await, service.upload("a.txt", "text/plain", b"a").await);
    let edit = |source: Value| json!({ "pub_key": KEY, "prompt": "p", "filename": "f", "source": source });
    let with = |name: &str, value: Value| {
        let mut body = generating();
        body[name] = value;
        body
    };
    for (what, body, code, name) in [
        ("generate", json!({ "prompt": "p" }), 403, "ProjectPublicKeyRequiredError"),
        ("generate", with("pub_key", json!("nope")), 403, "ProjectPublicKeyInvalidError"),
        ("generate", with("prompt", json!("")), 400, "invalid_request"),
        ("generate", with("prompt", json!(7)), 400, "invalid_request"),
        ("generate", with("prompt", json!("x".repeat(10_001))), 400, "invalid_request"),
        ("generate", with("prompt", json!("a\u{0}b")), 400, "NullCharactersForbiddenError"),
        ("generate", with("filename", json!(null)), 400, "invalid_request"),
        ("generate", with("aspect_ratio", json!(null)), 400, "invalid_request"),
        ("generate", with("aspect_ratio", json!([0, 1])), 400, "invalid_aspect_ratio"),
        ("generate", with("aspect_ratio", json!([1.5, 1])), 400, "invalid_aspect_ratio"),
        ("generate", with("aspect_ratio", json!([1])), 400, "invalid_aspect_ratio"),
        ("generate", with("aspect_ratio", json!("1:1")), 400, "invalid_aspect_ratio"),
        ("generate", with("aspect_ratio", json!([99_999_999_999_u64, 1])), 400, "invalid_aspect_ratio"),
        ("generate", with("store", json!("perhaps")), 400, "invalid_request"),
        ("generate", with("metadata", json!({ "a b": "c" })), 400, "invalid_request"),
        ("generate", with("metadata", json!({ "a": 1 })), 400, "invalid_request"),
        ("edit", edit(json!(null)), 400, "invalid_request"),
        ("edit", edit(json!("nope")), 400, "invalid_source"),
        ("edit", edit(json!(NOBODY)), 404, "source_not_found"),
        ("edit", edit(json!(no_image)), 400, "source_not_image"),
    ] {
        let error = ask(&service, what, &body, &[]).await.error();
        assert_eq!((error.0, error.1.as_str()), (code, name), "{body}");
    }
    assert_eq!(ask(&service, "edit", &edit(json!(image)), &[]).await.status, 200);
    // A body that cannot be read is told so once the key beside it is right.
    for body in ["", "{", "[]", "pub_key=demopublickey"] {
        let target = format!("/derivative/image/generate/?jsonerrors=1&pub_key={KEY}");
        let answer = service.send(Method::POST, &target, &[("content-type", "application/json")], body).await;
        assert_eq!(
            answer.error(),
            (400, "invalid_request".to_owned(), "Request body is invalid.".to_owned()),
            "{body}"
        );
    }
    for (query, code, name) in [
        ("", 403, "ProjectPublicKeyRequiredError"),
        ("pub_key=demopublickey", 400, "job_id_required"),
        ("pub_key=demopublickey&job_id=nope", 404, "job_not_found"),
        ("pub_key=demopublickey&job_id=00000000-0000-4000-8000-000000000000", 404, "job_not_found"),
    ] {
        let error = service.get(&format!("/derivative/status/?jsonerrors=1&{query}")).await.error();
        assert_eq!((error.0, error.1.as_str()), (code, name), "{query}");
    }
}

#[tokio::test]
async fn a_prompt_can_ask_for_a_failure() {
    let service = service_with(open()).await;
    for code in ["content_moderated", "provider_unavailable", "generation_timeout", "invalid_input"] {
        let mut body = generating();
        body["prompt"] = json!(format!("please updock:{code}"));
        let failed = ended(&service, &job(&ask(&service, "generate", &body, &[]).await)).await;
        let told = (&failed["type"], &failed["status"], &failed["error_source"], &failed["error_code"]);
        assert_eq!(told, (&json!("job"), &json!("error"), &json!("ai_gateway"), &json!(code)));
        assert!(failed["error"].is_string());
    }
}

#[tokio::test]
async fn only_a_token_opens_them_and_each_costs_one_operation() {
    let service = service().await; // uploads are open, derivatives are not
    let now = now();
    let bearer = |scope: &str, operations: u32| {
        let restrictions = json!({ "scope": [scope], "limits": { "operations": operations } });
        let claims = json!({ "iat": now, "exp": now + 600, "uc": { "restrictions": restrictions } });
        let claims: TokenClaims = serde_json::from_value(claims).unwrap();
        format!("Bearer {}", mint_token(&secret(), &claims))
    };
    let signature = upload_signature(&secret(), now + 600);
    let mut signed = generating();
    signed["signature"] = json!(signature);
    signed["expire"] = json!(now + 600);
    assert_eq!(ask(&service, "generate", &generating(), &[]).await.error().1, "SignatureRequiredError");
    assert_eq!(ask(&service, "generate", &signed, &[]).await.error().1, "SignatureRequiredError");
    for (authorization, code) in [
        ("Basic x".to_owned(), "AccessTokenInvalidError"),
        ("Bearer x".to_owned(), "AccessTokenInvalidError"),
        (bearer("/base/", 5), "ScopeForbiddenError"),
    ] {
        let headers = [("authorization", authorization.as_str())];
        assert_eq!(ask(&service, "generate", &generating(), &headers).await.error().1, code, "{authorization}");
    }
    let token = bearer("/derivative/image/*", 2);
    let headers = [("authorization", token.as_str())];
    let mut refused = generating();
    refused["prompt"] = json!("");
    assert_eq!(ask(&service, "generate", &refused, &headers).await.error().1, "invalid_request");
    for _ in 0..2 {
        job(&ask(&service, "generate", &generating(), &headers).await);
    }
    assert_eq!(ask(&service, "generate", &generating(), &headers).await.error().1, "OperationsLimitExceededError");
}
