//! Groups as the REST API lists, describes and deletes them.

use crate::{client::*, rest_api::*};
use http::Method;
use serde_json::json;

async fn group(service: &Service, files: &[&str]) -> String {
    let pairs: Vec<_> = [("pub_key", KEY)].into_iter().chain(files.iter().map(|file| ("files[]", *file))).collect();
    service.urlencoded("/group/", &pairs).await.uuid("id")
}

#[tokio::test]
async fn a_group_shows_removed_files_and_keeps_the_place_of_purged_ones() {
    let service = service().await;
    let (a, b) = (service.upload("a.txt", "text/plain", b"a").await, service.upload("b.txt", "text/plain", b"b").await);
    let id = group(&service, &[&a, &format!("{b}/-/resize/x800/")]).await;
    let path = format!("/groups/{id}/");
    let whole = get(&service, &path).await.json();
    assert_eq!((&whole["id"], &whole["files_count"]), (&json!(id), &json!(2)));
    assert_eq!(whole["url"], format!("{}{path}", service.base()));
    assert_eq!(whole["cdn_url"], format!("{}/{id}/", service.base()));
    assert_eq!(whole.get("datetime_stored"), None);
    assert_eq!(whole["files"][0]["default_effects"], "");
    assert_eq!(
        (&whole["files"][1]["uuid"], &whole["files"][1]["default_effects"]),
        (&json!(b), &json!("resize/x800/"))
    );
    assert_eq!(get(&service, &path.replace('~', "%7E")).await.json(), whole);

    send(&service, Method::DELETE, &format!("/files/{a}/storage/")).await;
    let removed = get(&service, &path).await.json();
    assert_eq!(removed["files_count"], 2);
    assert!(removed["files"][0]["datetime_removed"].is_string());
    let purged = service.send(Method::DELETE, &format!("/_local/files/{a}"), &[], "").await;
    assert_eq!(purged.status, 204);
    let gap = get(&service, &path).await.json();
    assert_eq!((&gap["files"][0], &gap["files"][1]["uuid"], &gap["files_count"]), (&json!(null), &json!(b), &json!(2)));
    assert_eq!(get(&service, &format!("/files/{a}/")).await.status, 404);

    let deleted = send(&service, Method::DELETE, &path).await;
    assert_eq!((deleted.status.as_u16(), deleted.text(), deleted.header("content-type")), (204, "", ""));
    assert_eq!(send(&service, Method::DELETE, &path).await.status, 404);
    assert_eq!(get(&service, &path).await.status, 404);
    assert_eq!(get(&service, &format!("/files/{b}/")).await.status, 200, "files stay");
}

#[tokio::test]
async fn what_is_no_group_is_not_found() {
    let service = service().await;
    let a = service.upload("a.txt", "text/plain", b"a").await;
    let id = group(&service, &[&a]).await;
    let bare = id.split('~').next().unwrap();
    for id in ["nonexistent", bare, &format!("{bare}~2"), &format!("{bare}~0"), &format!("{NOBODY}~1"), "%FF~1"] {
        for method in [Method::GET, Method::DELETE] {
            let answer = send(&service, method, &format!("/groups/{id}/")).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (404, r#"{"detail":"Not found."}"#), "{id}");
        }
    }
}

#[tokio::test]
async fn pages_of_groups_follow_each_other_both_ways() {
    let service = service().await;
    let a = service.upload("a.txt", "text/plain", b"a").await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(group(&service, &[&a]).await);
    }
    for ordering in ["datetime_created", "-datetime_created"] {
        let (mut seen, mut pages) = (Vec::new(), Vec::new());
        let mut next = Some(format!("/groups/?ordering={ordering}&limit=2"));
        while let Some(url) = next {
            let page = get(&service, &url).await.json();
            assert_eq!((&page["per_page"], &page["total"], page.get("totals")), (&json!(2), &json!(5), None));
            let results = page["results"].as_array().unwrap();
            assert!(results.iter().all(|group| group.get("files").is_none()));
            seen.extend(results.iter().map(|group| group["id"].as_str().unwrap().to_owned()));
            next = page["next"].as_str().map(str::to_owned);
            pages.push(page);
        }
        let mut expected = all.clone();
        if ordering.starts_with('-') {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{ordering}");
        assert!(pages[0]["previous"].is_null());
        let back = get(&service, pages[1]["previous"].as_str().unwrap()).await.json();
        assert_eq!(back["results"], pages[0]["results"]);
        assert!(back["previous"].is_null() && back["next"].is_string());
        assert!(pages[0]["next"].as_str().unwrap().starts_with(&format!("{}/groups/?ordering=", service.base())));
    }
    send(&service, Method::DELETE, &format!("/groups/{}/", all[2])).await;
    assert_eq!(get(&service, "/groups/").await.json()["total"], 4);
    for query in ["ordering=datetime_uploaded", "limit=0", "limit=1001", "from=x"] {
        assert_eq!(get(&service, &format!("/groups/?{query}")).await.status, 400, "{query}");
    }
    assert_eq!(get(&service, "/groups/?stored=maybe").await.status, 200, "no parameter of this list");
}
