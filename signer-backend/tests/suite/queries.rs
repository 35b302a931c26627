//! The signer's own addresses: what their queries may say, and that HEAD says what GET does.

use crate::keeping::{House, run};
use crate::stage::{PNG, Setup, Stage, agent, bearer};

async fn stage() -> (Stage, String) {
    let (key, section) = agent(
        "chief",
        "files = \"read\"\nproject = \"read\"\nuploads = \"read\"\naudit = \"full\"\nadmin = \"full\"\nacknowledged = true",
    );
    (Setup::new(section).start().await, key)
}

#[tokio::test]
async fn a_parameter_that_an_address_does_not_know_is_refused_with_what_was_probably_meant() {
    let (stage, key) = stage().await;
    for (target, expected) in [
        ("/v1/audit?calller=media", "Did you mean `caller`? `calller` is not known here; this address takes caller, "),
        ("/v1/audit?limit=3&offset=10", "`offset` is not known here; this address takes caller, area, operation, "),
        ("/v1/audit?operation=files.lsit", "Did you mean `files.list`? `operation` should be an operation, like "),
        ("/v1/keys?agents=media", "Did you mean `agent`? `agents` is not known here; this address takes agent."),
        ("/v1/keys?x%22%0ay=1", "`x\\\"\\u{a}y` is not known here; this address takes agent."),
        ("/v1/policy/explain?operation=files.list&cuont=2", "Did you mean `count`? `cuont` is not known here; "),
        ("/v1/upload-policy?agent=media", "`agent` is not known here; this address takes no parameters."),
    ] {
        let problem = stage.ask(&key, "GET", target, "").await.problem();
        assert_eq!(problem.status, 400, "{target}");
        assert!(problem.detail.starts_with(expected), "{target}: {}", problem.detail);
    }
    for target in ["/v1/audit?limit=3", "/v1/keys?agent=chief", "/v1/upload-policy", "/v1/upload-policy?"] {
        assert_eq!(stage.ask(&key, "GET", target, "").await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn what_is_asked_in_a_body_is_not_asked_in_the_address() {
    let (stage, key) = stage().await;
    let count = async || stage.ask(&key, "GET", "/v1/keys", "").await.json()["keys"].as_array().unwrap().len();
    let before = count().await;
    for target in ["/v1/keys", "/v1/keys/self/derive", "/v1/keys/0123456789/revoke", "/v1/receipts/verify", "/v1/jobs"]
    {
        let problem = stage.ask(&key, "POST", &format!("{target}?expires_in=60"), "{}").await.problem();
        assert_eq!(problem.status, 400, "{target}");
        assert_eq!(problem.detail, "`expires_in` is not known here; this address takes no parameters.", "{target}");
        let problem = stage.ask(&key, "POST", &format!("{target}?{key}"), "{}").await.problem();
        assert!(problem.detail.starts_with("An agent key stands in the address"), "{target}: {}", problem.detail);
    }
    assert_eq!(count().await, before);
    assert_eq!(stage.ask(&key, "POST", "/v1/keys?", "{}").await.status, 201);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (stage, key) = stage().await;
    let file = stage.file("a.png", PNG).await;
    let file = format!("/v1/uploadcare/files/{file}/");
    let (none, good) = (String::new(), bearer(&key));
    for (target, authorization, status) in [
        ("/livez", &none, 200),
        ("/readyz", &none, 200),
        ("/openapi.json", &none, 200),
        ("/docs", &none, 200),
        ("/nothing", &none, 404),
        ("/v1/upload-policy", &good, 200),
        ("/v1/keys", &good, 200),
        ("/v1/audit?operation=files.delete", &good, 200),
        ("/v1/policy/explain?operation=files.list", &good, 200),
        ("/v1/uploadcare/project/", &good, 200),
        ("/project/", &good, 200),
        ("/v1/uploadcare/files/", &good, 200),
        (&file, &good, 200),
        ("/v1/uploadcare/files/", &none, 401),
        ("/v1/uploadcare/groups/", &good, 403),
        ("/v1/uploadcare/files/?ordering=size", &good, 400),
        ("/v1/uploadcare/nothing/", &good, 404),
        ("/v1/uploadcare/files/storage/", &good, 405),
        ("/v1/keys/self/derive", &good, 405),
    ] {
        let headers = [("authorization", authorization.as_str())];
        let headers = if authorization.is_empty() { &[][..] } else { &headers[..] };
        let get = stage.send("GET", target, headers, "").await;
        let head = stage.send("HEAD", target, headers, "").await;
        assert_eq!((get.status.as_u16(), head.status.as_u16()), (status, status), "{target}: {:?}", get.body);
        assert!(head.body.is_empty(), "{target}: {:?}", head.body);
        for name in ["content-type", "allow", "www-authenticate"] {
            assert_eq!(head.header(name), get.header(name), "{target}: {name}");
        }
        if status < 400 {
            assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{target}");
        }
    }
    // It reads as a GET does, and is decided and told as one.
    let asked = stage.sentences().iter().filter(|text| text.contains("asked to list groups")).count();
    assert_eq!(asked, 2, "{:#?}", stage.sentences());
    let put = stage.ask(&key, "PUT", &file, "").await;
    assert_eq!(put.header("allow"), Some("GET, HEAD"));
}

#[tokio::test]
async fn a_search_by_command_tells_what_was_probably_meant() {
    let (_, section) = agent("media", "files = \"read\"");
    let house = House::start(&section).await;
    let (good, told) = run(&house.policy, &["audit", "search", "--verdict", "denied"]);
    assert!(
        !good && told.contains("Did you mean `deny`? `verdict` should be allow, deny or needs_approval."),
        "{told}"
    );
}
