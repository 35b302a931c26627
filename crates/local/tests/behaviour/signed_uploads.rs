//! Projects that want a credential for uploads: the signature pair and the token.

use crate::client::*;
use http::Method;
use serde_json::{Value, json};
use updock_local::{Config, LocalUploadcare, Storage};
use updock_sign::{SecretKey, TokenClaims, mint_token, upload_signature};

const REQUIRED: (u64, &str, &str) = (400, "SignatureRequiredError", "`signature` is required.");

fn one_file() -> Form {
    Form::new().file("file", "a.txt", "text/plain", b"a")
}

/// A token from claims, which may be wrong on purpose.
fn token(claims: &Value) -> String {
    let claims: TokenClaims = serde_json::from_value(claims.clone()).unwrap();
    mint_token(&secret(), &claims)
}

fn life() -> Value {
    json!({"iat": now(), "exp": now() + 600})
}

fn restricted(restrictions: &Value) -> String {
    let mut claims = life();
    claims["uc"] = json!({"restrictions": restrictions});
    token(&claims)
}

async fn with_token(service: &Service, target: &str, form: Form, token: &str) -> Answer {
    service.form_with(target, form, &[("authorization", &format!("Bearer {token}"))]).await
}

fn start() -> Form {
    Form::new().field("filename", "a").field("size", "11000000").field("content_type", "video/mp4")
}

#[tokio::test]
async fn without_a_credential_uploads_and_groups_are_refused_and_reading_is_not() {
    let service = service_with(signed()).await;
    let error = |(status, code, content): (u64, &str, &str)| (status, code.to_owned(), content.to_owned());
    let group = || Form::default().field("pub_key", KEY).field("files[]", NOBODY);
    for (path, form) in [("/base/", one_file()), ("/multipart/start/", start()), ("/group/", group())] {
        assert_eq!(service.form(&format!("{path}?jsonerrors=1"), form).await.error(), error(REQUIRED), "{path}");
    }
    let plain = service.form("/base/", one_file()).await;
    assert_eq!((plain.status.as_u16(), plain.text()), (400, "`signature` is required."));
    // The key is looked at first.
    assert_eq!(service.form("/base/?jsonerrors=1", Form::default()).await.error().1, "ProjectPublicKeyRequiredError");

    let uuid = with_token(&service, "/base/", one_file(), &token(&life())).await.uuid("file");
    assert_eq!(service.info(&uuid).await["uuid"], uuid);
    assert_eq!(service.complete(NOBODY).await.error().1, "MultipartFileNotFoundError");
    let garbage = [("authorization", "Bearer garbage")];
    let info = format!("/info/?pub_key={KEY}&file_id={uuid}");
    assert_eq!(service.send(Method::GET, &info, &garbage, "").await.status, 200);
}

#[tokio::test]
async fn each_fault_of_a_signature_has_its_own_answer() {
    let service = service_with(signed()).await;
    let at = now() + 60;
    let good = upload_signature(&secret(), at);
    let past = now() - 1;
    let (at, late) = (at.to_string(), upload_signature(&secret(), past));
    for (signature, expire, status, code, content) in [
        ("", at.as_str(), 400, "SignatureRequiredError", "`signature` is required."),
        (&good, "", 400, "SignatureExpirationRequiredError", "`expire` is required."),
        (&good, "abc", 400, "SignatureExpirationInvalidError", "`expire` must be a UNIX timestamp."),
        (&late, &past.to_string(), 403, "SignatureExpirationError", "Expired signature."),
        (&late, &at, 403, "SignatureInvalidError", "Invalid signature."),
        (&good.to_uppercase(), &at, 403, "SignatureInvalidError", "Invalid signature."),
    ] {
        let form = one_file().field("signature", signature).field("expire", expire);
        let answer = service.form("/base/?jsonerrors=1", form).await;
        assert_eq!(answer.error(), (status, code.to_owned(), content.to_owned()), "{signature} {expire}");
    }
    let pair = |form: Form| form.field("signature", &good).field("expire", &at);
    let uuid = service.form("/base/", pair(one_file())).await.uuid("file");
    let group = Form::default().field("pub_key", KEY).field("files[]", &uuid);
    assert_eq!(service.form("/group/", pair(group)).await.status, 200);
    assert_eq!(service.form("/multipart/start/", pair(start())).await.status, 200);
}

#[tokio::test]
async fn an_open_project_looks_at_no_credential() {
    let service = service().await;
    let form = one_file().field("signature", "garbage").field("expire", "abc");
    assert_eq!(service.form("/base/", form).await.status, 200);
    assert_eq!(with_token(&service, "/base/", one_file(), "garbage").await.status, 200);
}

#[tokio::test]
async fn tokens_are_accepted_and_refused_as_the_service_does() {
    let service = service_with(signed()).await;
    let (now, wrong_key) = (now(), SecretKey::parse("another key").unwrap());
    let claims: TokenClaims = serde_json::from_value(life()).unwrap();
    let forged = mint_token(&wrong_key, &claims);
    // {"alg":"none","typ":"JWT"}
    let body = token(&life()).split('.').nth(1).unwrap().to_owned();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
    for (token, code) in [
        (forged, "AccessTokenInvalidError"),
        ("not-a-jwt".to_owned(), "AccessTokenInvalidError"),
        (unsigned, "AccessTokenInvalidError"),
        (token(&json!({"iat": now - 7200, "exp": now - 3600})), "AccessTokenExpiredError"),
        (token(&json!({"iat": now, "exp": now + 86_401})), "AccessTokenInvalidError"),
        (token(&json!({"iat": now + 120, "exp": now + 240})), "AccessTokenInvalidError"),
    ] {
        let (status, found, content) = with_token(&service, "/base/?jsonerrors=1", one_file(), &token).await.error();
        assert_eq!((status, found.as_str()), (401, code), "{content}");
        let expected = if code == "AccessTokenExpiredError" { "Expired token." } else { "Invalid token. Reason: " };
        assert!(content.starts_with(expected), "{content}");
    }
    let just_late = token(&json!({"iat": now - 600, "exp": now - 10}));
    assert_eq!(with_token(&service, "/base/", one_file(), &just_late).await.status, 200);
    let other = [("authorization", "Uploadcare.Simple demopublickey:demosecretkey")];
    let (status, code, content) = service.form_with("/base/?jsonerrors=1", one_file(), &other).await.error();
    assert_eq!((status, code.as_str()), (401, "AccessTokenInvalidError"));
    assert!(!content.contains(SECRET), "{content}");
}

#[tokio::test]
async fn a_tokens_scope_is_kept() {
    let service = service_with(signed()).await;
    let multipart = restricted(&json!({"scope": ["/multipart/*"]}));
    assert_eq!(
        with_token(&service, "/base/?jsonerrors=1", one_file(), &multipart).await.error().1,
        "ScopeForbiddenError"
    );
    assert_eq!(with_token(&service, "/multipart/start/", start(), &multipart).await.status, 200);
    let complete = Form::new().field("uuid", NOBODY);
    let answer = with_token(&service, "/multipart/complete/?jsonerrors=1", complete, &multipart).await;
    assert_eq!(answer.error().1, "MultipartFileNotFoundError");
    let all = restricted(&json!({"scope": ["/*"]}));
    assert_eq!(with_token(&service, "/base/", one_file(), &all).await.status, 200);

    let base = restricted(&json!({"scope": ["/base/"]}));
    let uuid = with_token(&service, "/base", one_file(), &base).await.uuid("file");
    let header = format!("Bearer {base}");
    let info = format!("/info/?pub_key={KEY}&file_id={uuid}");
    assert_eq!(service.send(Method::GET, &info, &[("authorization", &header)], "").await.status, 200);
    let complete = Form::new().field("uuid", NOBODY);
    let answer = with_token(&service, "/multipart/complete/?jsonerrors=1", complete, &base).await;
    assert_eq!(
        answer.error(),
        (403, "ScopeForbiddenError".to_owned(), "`uc.restrictions.scope` does not allow this endpoint.".to_owned())
    );
}

#[tokio::test]
async fn a_tokens_operations_are_counted_by_files() {
    let service = service_with(signed()).await;
    let spent = |answer: &Answer| answer.text().contains("OperationsLimitExceededError");
    let one = restricted(&json!({"limits": {"operations": 1}}));
    // What is refused costs nothing.
    assert!(!spent(&with_token(&service, "/base/?jsonerrors=1", Form::new(), &one).await));
    let two_files = one_file().file("b", "b.txt", "text/plain", b"b");
    assert!(spent(&with_token(&service, "/base/?jsonerrors=1", two_files, &one).await));
    let uuid = with_token(&service, "/base/", one_file(), &one).await.uuid("file");
    let answer = with_token(&service, "/base/?jsonerrors=1", one_file(), &one).await;
    assert_eq!(
        answer.error(),
        (403, "OperationsLimitExceededError".to_owned(), "The operation limit of the token is exhausted.".to_owned())
    );
    let group = Form::default().field("pub_key", KEY).field("files[]", &uuid);
    assert_eq!(with_token(&service, "/group/", group, &one).await.status, 200);

    let mut claims = life();
    claims["uc"] = json!({"restrictions": {"limits": {"operations": 1}}});
    claims["jti"] = json!("another");
    let one = token(&claims);
    let started = with_token(&service, "/multipart/start/", start(), &one).await;
    let uuid = started.uuid("uuid");
    let whole = bytes(11_000_000, 1);
    for (url, part) in started.json()["parts"].as_array().unwrap().iter().zip(whole.chunks(5 * MIB)) {
        service.put(url.as_str().unwrap(), part.to_vec()).await;
    }
    let complete = Form::new().field("uuid", &uuid);
    assert_eq!(with_token(&service, "/multipart/complete/", complete, &one).await.json()["uuid"], uuid);
    assert!(spent(&with_token(&service, "/multipart/start/?jsonerrors=1", start(), &one).await));
}

#[tokio::test]
async fn a_tokens_operations_hold_against_a_crowd() {
    let service = service_with(signed()).await;
    let three = restricted(&json!({"limits": {"operations": 3}}));
    let tries = (0..12).map(|_| with_token(&service, "/base/", one_file(), &three));
    let answers = futures_util::future::join_all(tries).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 3);
    assert_eq!(service.get("/_local/files").await.json().as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_tokens_operations_are_remembered_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = || Config { storage: Storage::Directory(directory.path().to_owned()), ..signed() };
    let one = restricted(&json!({"limits": {"operations": 1}}));
    for expected in [200, 403] {
        let local = LocalUploadcare::with(config()).await.unwrap();
        let service = Service { http: Http::new(local.base_url()), local };
        assert_eq!(with_token(&service, "/base/", one_file(), &one).await.status, expected);
        service.local.shutdown().await;
    }
}

#[tokio::test]
async fn where_both_are_sent_the_signature_alone_counts() {
    let service = service_with(signed()).await;
    let at = (now() + 60).to_string();
    let pair = |signature: &str| one_file().field("signature", signature).field("expire", &at);
    let good = upload_signature(&secret(), at.parse().unwrap());
    assert_eq!(with_token(&service, "/base/", pair(&good), "garbage").await.status, 200);
    let answer = with_token(&service, "/base/?jsonerrors=1", pair("garbage"), &token(&life())).await;
    assert_eq!(answer.error(), (403, "SignatureInvalidError".to_owned(), "Invalid signature.".to_owned()));
}
