//! Files found by what is written in and about them, the moment they are there.

use crate::{client::*, rest_api::*};
use http::Method;
use serde_json::{Value, json};

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 6,
    0, 0, 0, 0x1f, 0x15, 0xc4, 0x89,
];

async fn upload(service: &Service, name: &str, bytes: &[u8], album: &str, tags: &str) -> String {
    let form = Form::new().field("tags", tags);
    let form = if album.is_empty() { form } else { form.field("metadata[album]", album) };
    let form = form.file("file", name, "application/octet-stream", bytes);
    service.form("/base/", form).await.uuid("file")
}

async fn search(service: &Service, body: Value) -> Answer {
    ask(service, Method::POST, "/files/search/", body).await
}

fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let results = answer.json()["results"].take();
    results.as_array().unwrap().iter().map(|file| file["original_filename"].as_str().unwrap().to_owned()).collect()
}

async fn gallery() -> Service {
    let service = service().await;
    upload(&service, "sunset-beach.png", PNG, "summer holiday", "cat,animal").await;
    upload(&service, "SunsetMountain.txt", b"some text", "", "cat").await;
    upload(&service, "invoice_2026.txt", b"a longer text, which is larger", "sunset evening", "").await;
    upload(&service, "winter.txt", b"w", "cold", "dog").await;
    service
}

#[tokio::test]
async fn every_condition_finds_what_it_says() {
    let service = gallery().await;
    let all = get(&service, "/files/").await.json();
    let uuid = all["results"][3]["uuid"].as_str().unwrap();
    let second = all["results"][1]["datetime_uploaded"].as_str().unwrap();
    let [beach, mountain, invoice, winter] =
        ["sunset-beach.png", "SunsetMountain.txt", "invoice_2026.txt", "winter.txt"];
    for (body, expected) in [
        (json!({"query": "sunset"}), vec![invoice, beach, mountain]),
        (json!({"query": "NSET"}), vec![invoice, beach, mountain]),
        (json!({"query": "sunset beach"}), vec![beach]),
        (json!({"query": "image/png"}), vec![beach]),
        (json!({"query": uuid}), vec![winter]),
        (json!({"query": "nothing like it"}), vec![]),
        (json!({"query": "\"\"\" OR *"}), vec![]),
        (json!({"query": "name:NEAR("}), vec![]),
        (json!({"query": "\u{0}\u{0}\u{0}\u{0}x"}), vec![]),
        (json!({"phrase": {"original_filename": "sunset mountain"}}), vec![mountain]),
        (json!({"phrase": {"original_filename": "sunset beach"}}), vec![beach]),
        (json!({"phrase": {"original_filename": "beach sunset"}}), vec![]),
        (json!({"phrase": {"original_filename": "sunse"}}), vec![]),
        (json!({"phrase": {"original_filename": "----"}}), vec![]),
        (json!({"phrase": {"metadata": "Summer Holiday"}}), vec![beach]),
        (json!({"phrase": {"detected_mime_type": "image/png", "original_filename": "sunset"}}), vec![beach]),
        (json!({"query": "sunset", "phrase": {"metadata": "evening"}}), vec![invoice]),
        (json!({"exact": {"original_filename": ["winter.txt", beach]}}), vec![beach, winter]),
        (json!({"exact": {"original_filename": ["winter"]}}), vec![]),
        (json!({"exact": {"detected_mime_type": ["image/png"]}}), vec![beach]),
        (json!({"exact": {"uuid": [uuid.to_uppercase(), "nope"]}}), vec![winter]),
        (json!({"exact": {"metadata[album]": ["cold", "hot"]}}), vec![winter]),
        (json!({"phrase": {"metadata": "cold"}, "exact": {"metadata[album]": ["cold"]}}), vec![winter]),
        (json!({"is_image": true}), vec![beach]),
        (json!({"is_image": false}), vec![invoice, mountain, winter]),
        (json!({"size": {"lt": 5}}), vec![winter]),
        (json!({"size": {"gte": 1, "lte": 1}}), vec![winter]),
        (json!({"size": {"gt": u64::MAX}}), vec![]),
        (json!({"datetime_uploaded": {"lte": second}}), vec![beach, mountain]),
        (json!({"datetime_uploaded": {"lt": second}, "x": 1, "query": null}), vec![beach]),
        (json!({"tags": {"any": ["DOG", "animal"]}}), vec![beach, winter]),
        (json!({"tags": {"all": ["cat", "animal"]}}), vec![beach]),
        (json!({"tags": {"none": ["cat"]}}), vec![invoice, winter]),
        (json!({"tags": {"all": ["cat"], "none": ["animal"]}, "query": "sunset"}), vec![mountain]),
    ] {
        let answer = search(&service, body.clone()).await;
        let mut found = names(&answer);
        found.sort_unstable_by_key(|name| name.to_lowercase());
        let mut expected = expected;
        expected.sort_unstable_by_key(|name| name.to_lowercase());
        assert_eq!(found, expected, "{body}");
        assert_eq!(answer.json()["total"], expected.len(), "{body}");
    }
}

#[tokio::test]
async fn a_slip_is_tolerated_where_it_is_asked_for() {
    let service = gallery().await;
    for (query, expected) in [("sunste", 3), ("sunxet beech", 1), ("wintre", 1), ("zzzzzzzz", 0)] {
        assert_eq!(names(&search(&service, json!({"query": query})).await).len(), 0, "{query}");
        let fuzzy = search(&service, json!({"query": query, "fuzziness": true})).await;
        assert_eq!(names(&fuzzy).len(), expected, "{query}");
    }
    let phrase = json!({"phrase": {"original_filename": "sunet beech"}, "fuzziness": "true"});
    assert_eq!(names(&search(&service, phrase).await), ["sunset-beach.png"]);
}

#[tokio::test]
async fn hits_are_marked_and_better_ones_come_first() {
    let service = gallery().await;
    let answer = search(&service, json!({"query": "sunset"})).await;
    assert_eq!(names(&answer)[2], "invoice_2026.txt", "a name counts more than metadata");
    for file in answer.json()["results"].as_array().unwrap() {
        let expected = match file["original_filename"].as_str().unwrap() {
            "sunset-beach.png" => json!({"original_filename": ["<em>sunset</em>-beach.png"]}),
            "SunsetMountain.txt" => json!({"original_filename": ["<em>Sunset</em>Mountain.txt"]}),
            _ => json!({"metadata": {"album": "<em>sunset</em> evening"}}),
        };
        assert_eq!(file["highlight"], expected);
        assert!(file["tags"].is_array() && file.get("appdata").is_none());
    }
    let filtered =
        ask(&service, Method::POST, "/files/search/?include=appdata", json!({"is_image": true})).await.json();
    assert_eq!((&filtered["results"][0]["highlight"], &filtered["results"][0]["appdata"]), (&json!({}), &json!({})));

    for (sort, first) in [
        (json!(["size"]), "winter.txt"),
        (json!(["-size"]), "sunset-beach.png"),
        (json!(["datetime_uploaded"]), "sunset-beach.png"),
        (json!(["-datetime_uploaded"]), "winter.txt"),
        (json!(["original_filename", "-score"]), "invoice_2026.txt"),
        (json!(["-original_filename", "size", "score", "datetime_uploaded"]), "winter.txt"),
    ] {
        let answer = search(&service, json!({"datetime_uploaded": {"gt": "2020-01-01"}, "sort": sort})).await;
        assert_eq!(names(&answer)[0], first, "{sort}");
    }
}

#[tokio::test]
async fn the_index_never_lags_behind() {
    let service = gallery().await;
    let one = json!({"query": "winter"});
    let uuid = search(&service, one.clone()).await.json()["results"][0]["uuid"].as_str().unwrap().to_owned();
    let album = format!("/files/{uuid}/metadata/album/");
    ask(&service, Method::PUT, &album, json!("frosty morning")).await;
    assert_eq!(names(&search(&service, json!({"query": "frosty"})).await).len(), 1);
    assert_eq!(names(&search(&service, json!({"phrase": {"metadata": "cold"}})).await).len(), 0);
    send(&service, Method::DELETE, &format!("/files/{uuid}/storage/")).await;
    assert_eq!(names(&search(&service, one.clone()).await).len(), 0, "removed files are not found");
    send(&service, Method::PUT, &format!("/files/{uuid}/storage/")).await;
    assert_eq!(names(&search(&service, one.clone()).await).len(), 1);
    service.send(Method::DELETE, &format!("/_local/files/{uuid}"), &[], "").await;
    assert_eq!(names(&search(&service, one).await).len(), 0);
    service.send(Method::POST, "/_local/reset", &[], "").await;
    assert_eq!(names(&search(&service, json!({"query": "sunset"})).await).len(), 0);
}

#[tokio::test]
async fn pages_of_a_search_lie_side_by_side() {
    let service = service().await;
    for at in 0..5 {
        upload(&service, &format!("sunset{at}.txt"), b"x", "", "cat").await;
    }
    let body = json!({"query": "sunset", "tags": {"all": ["cat"]}, "sort": ["-score"]});
    let (mut seen, mut next) = (Vec::new(), Some("/files/search/?limit=2".to_owned()));
    while let Some(url) = next {
        let page = ask(&service, Method::POST, &url, body.clone()).await;
        seen.extend(names(&page));
        assert_eq!((&page.json()["total"], &page.json()["per_page"]), (&json!(5), &json!(2)));
        next = page.json()["next"].as_str().map(str::to_owned);
    }
    seen.sort_unstable();
    assert_eq!(seen, ["sunset0.txt", "sunset1.txt", "sunset2.txt", "sunset3.txt", "sunset4.txt"]);
    let first = ask(&service, Method::POST, "/files/search/?limit=2", body.clone()).await;
    assert!(first.text().starts_with(r#"{"next":"#) && first.json()["previous"].is_null());
    assert_eq!(first.json()["next"], format!("{}/files/search/?limit=2&offset=2", service.base()));
    let third = ask(&service, Method::POST, "/files/search/?offset=3&limit=2&include=appdata", body).await.json();
    assert_eq!(third["previous"], format!("{}/files/search/?limit=2&offset=1&include=appdata", service.base()));
    assert_eq!(third["next"], json!(null));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_field_by_field() {
    let service = service().await;
    for (body, pointer) in [
        (json!({}), "/non_field_errors/0"),
        (json!({"fuzziness": true, "sort": ["size"]}), "/non_field_errors/0"),
        (json!({"query": "abc"}), "/query/0"),
        (json!({"query": "  abc  "}), "/query/0"),
        (json!({"query": 7}), "/query/0"),
        (json!({"size": 5}), "/size/non_field_errors/0"),
        (json!({"size": {}}), "/size/non_field_errors/0"),
        (json!({"size": {"gt": -1}}), "/size/gt/0"),
        (json!({"size": {"gt": "5"}}), "/size/gt/0"),
        (json!({"size": {"gt": 1.5}}), "/size/gt/0"),
        (json!({"datetime_uploaded": {"gt": "yesterday"}}), "/datetime_uploaded/gt/0"),
        (json!({"phrase": {}}), "/phrase/non_field_errors/0"),
        (json!({"phrase": {"metadata": "abc"}}), "/phrase/metadata/0"),
        (json!({"exact": {"uuid": []}}), "/exact/uuid/0"),
        (json!({"exact": {"uuid": "x"}}), "/exact/uuid/0"),
        (json!({"exact": {"nope": ["x"]}}), "/exact/non_field_errors/0"),
        (json!({"exact": {"metadata[a b]": ["x"]}}), "/exact/metadata[a b]/0"),
        (
            json!({"exact": {"original_filename": ["x"]}, "phrase": {"original_filename": "abcd"}}),
            "/non_field_errors/0",
        ),
        (json!({"is_image": "true"}), "/is_image/0"),
        (json!({"tags": {"any": []}}), "/tags/non_field_errors/0"),
        (json!({"tags": {"any": ["a b"]}}), "/tags/any/0"),
        (json!({"tags": ["a"]}), "/tags/non_field_errors/0"),
        (json!({"is_image": true, "sort": []}), "/sort/0"),
        (json!({"is_image": true, "sort": ["size", "-size"]}), "/sort/0"),
        (json!({"is_image": true, "sort": ["uuid"]}), "/sort/0"),
        (json!({"is_image": true, "sort": "size"}), "/sort/0"),
        (json!({"is_image": true, "fuzziness": "maybe"}), "/fuzziness/0"),
        (json!([]), "/detail"),
    ] {
        let answer = search(&service, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.json().pointer(pointer).is_some_and(Value::is_string), "{body}: {}", answer.text());
    }
    for query in ["limit=0", "limit=101", "limit=x", "offset=-1", "offset=990&limit=20", "offset=99999999"] {
        let answer = ask(&service, Method::POST, &format!("/files/search/?{query}"), json!({"is_image": true})).await;
        assert_eq!(answer.status, 400, "{query}");
    }
    let deepest = ask(&service, Method::POST, "/files/search/?offset=980&limit=20", json!({"is_image": true})).await;
    assert_eq!(deepest.status, 200);
}
