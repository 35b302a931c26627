//! Browsers: which pages may call, what their browsers are told, and how often.

use crate::stage::{PAGE, Setup, VISITORS, agent};

const ADDRESSES: [(&str, &str); 3] =
    [("POST", "/v1/upload-credentials"), ("GET", "/v1/upload-policy"), ("POST", "/v1/uploads/confirm")];

#[tokio::test]
async fn only_listed_pages_get_in_and_only_they_are_named() {
    let stage = Setup::new(VISITORS).start().await;
    for (origin, allowed) in [
        (Some(PAGE), true),
        (Some("http://127.0.0.1:4001"), false),
        (Some("https://127.0.0.1:4000"), false),
        (Some("http://127.0.0.1:4000/"), false),
        (Some("HTTP://127.0.0.1:4000"), false),
        (Some("http://127.0.0.1:4000.evil.test"), false),
        (Some("http://evil.test, http://127.0.0.1:4000"), false),
        (Some("null"), false),
        (Some("*"), false),
        (Some(""), false),
        (None, false),
    ] {
        let headers: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
        for (method, target) in ADDRESSES {
            let reply = stage.send(method, target, &headers, "").await;
            // Confirming without a body fails later, and is still let in.
            let status = match (allowed, origin, target) {
                (true, _, "/v1/uploads/confirm") => 415,
                (true, ..) => 200,
                (false, Some(_), _) => 403,
                (false, None, _) => 401,
            };
            assert_eq!(reply.status, status, "{method} {target} from {origin:?}: {:?}", reply.body);
            assert_eq!(reply.header("access-control-allow-origin"), allowed.then_some(PAGE), "{origin:?}");
            assert_eq!(reply.header("vary"), Some("Origin"));
            assert_eq!(reply.header("access-control-allow-credentials"), None);

            let asked = [headers.clone(), vec![("access-control-request-method", method)]].concat();
            let preflight = stage.send("OPTIONS", target, &asked, "").await;
            assert_eq!(preflight.status, if allowed { 204 } else { 403 }, "preflight from {origin:?}");
            assert_eq!(preflight.header("access-control-allow-origin"), allowed.then_some(PAGE));
            assert_eq!(preflight.header("access-control-allow-methods"), allowed.then_some(method));
            assert_eq!(preflight.header("vary"), Some("Origin"));
        }
    }
    let two = [("origin", PAGE), ("origin", "http://evil.test")];
    let reply = stage.send("GET", "/v1/upload-policy", &two, "").await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (403, None));
}

#[tokio::test]
async fn a_visitor_uploads_and_does_nothing_else() {
    let stage = Setup::new(VISITORS).start().await;
    for (method, target) in [("GET", "/files/"), ("GET", "/project/")] {
        let reply = stage.send(method, &format!("/v1/uploadcare{target}"), &[("origin", PAGE)], "").await;
        assert_eq!(reply.status, 403);
        assert_eq!(reply.header("access-control-allow-origin"), None, "the REST front is not for browsers");
    }
    let preflight = stage.send("OPTIONS", "/v1/uploadcare/files/", &[("origin", PAGE)], "").await;
    assert_eq!(preflight.status, 405);
    assert_eq!(stage.rest_requests(), 0);
}

#[tokio::test]
async fn without_the_rule_no_page_gets_in() {
    let (_, section) = agent("media", "uploads = \"write\"");
    let stage = Setup::new(section).start().await;
    let reply = stage.visit("/v1/upload-credentials", "{}").await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (403, None));
}

#[tokio::test]
async fn too_many_requests_from_one_address_wait() {
    let stage = Setup::new(format!("{VISITORS}rate = \"2/m burst 3\"\n")).start().await;
    for _ in 0..3 {
        assert_eq!(stage.visit("/v1/upload-credentials", "{}").await.status, 200);
    }
    let reply = stage.visit("/v1/upload-credentials", "{}").await;
    assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (429, "throttled"));
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE), "the page must be able to read why");
    let last = stage.sentences().pop().unwrap();
    assert!(last.contains("Refused: Too many requests from your address"), "{last}");
    // Addresses that call without any page are counted too, and a browser may still ask before it sends.
    assert_eq!(stage.send("GET", "/v1/upload-policy", &[], "").await.status, 429);
    assert_eq!(stage.send("OPTIONS", "/v1/upload-policy", &[("origin", PAGE)], "").await.status, 204);
}

#[tokio::test]
async fn who_is_nobody_is_told_what_helps_at_this_very_address() {
    let (_, section) = agent("media", "files = \"read\"");
    let page = "or call from a listed page.";
    let simple = "or `Authorization: Uploadcare.Simple <public key>:<agent key>` as official SDKs do.";
    for (listed, target, method, hint) in [
        (true, "/v1/upload-credentials", "POST", page),
        (true, "/v1/uploads/confirm", "POST", page),
        (true, "/v1/uploadcare/files/", "GET", simple),
        (true, "/files/", "GET", simple),
        (true, "/v1/keys", "GET", simple),
        (false, "/v1/upload-credentials", "POST", simple),
    ] {
        let policy = if listed { format!("{section}{VISITORS}") } else { section.clone() };
        let stage = Setup::new(policy).start().await;
        let problem = stage.send(method, target, &[], "").await.problem();
        assert_eq!(problem.status, 401, "{target}");
        assert!(problem.detail.ends_with(hint), "{target}: {}", problem.detail);
    }
}
