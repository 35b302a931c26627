//! The page at `/_local/`, as far as it can be judged without a browser.

use crate::client::*;

#[tokio::test]
async fn the_page_runs_nothing_but_itself() {
    let service = service().await;
    let moved = service.get("/_local").await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (308, "/_local/"));
    for (path, mime) in [
        ("/_local/", "text/html; charset=utf-8"),
        ("/_local/page.css", "text/css; charset=utf-8"),
        ("/_local/page.js", "text/javascript; charset=utf-8"),
        ("/_local/icon.svg", "image/svg+xml"),
    ] {
        let answer = service.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, mime), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        // Other pages may read the data of the controls, but not frame or read the page.
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
    let page = service.get("/_local/").await;
    for inline in ["<style", "style=", "onclick", "onload", "javascript:"] {
        assert!(!page.text().contains(inline), "{inline}");
    }
    let script = service.get("/_local/page.js").await;
    for risky in ["innerHTML", "insertAdjacentHTML", "eval(", "document.write"] {
        assert!(!script.text().contains(risky), "{risky}");
    }
}

#[tokio::test]
async fn every_list_that_the_page_shows_is_there() {
    let service = service().await;
    service.upload("a.txt", "text/plain", b"hello").await;
    let script = service.get("/_local/page.js").await.text().to_owned();
    let urls: Vec<&str> = script.split("url: \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(urls.len(), 4, "{urls:?}");
    for url in urls {
        let answer = service.get(&format!("/_local/{url}")).await;
        assert!(answer.status == 200 && answer.json().is_array(), "{url}: {}", answer.text());
    }
    assert_eq!(service.get("/_local/files?limit=100").await.json()[0]["original_filename"], "a.txt");
}
