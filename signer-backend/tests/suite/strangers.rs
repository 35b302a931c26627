//! Many who are turned away: they are told to wait, the log does not fill up, and nobody else notices.

use crate::stage::{Setup, agent};

#[tokio::test]
async fn a_flood_of_bad_keys_is_told_to_wait_and_does_not_fill_the_log() {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    let mut statuses = Vec::new();
    for _ in 0..300 {
        let bad = [("authorization", "Bearer updock_live_no")];
        let reply = stage.send("GET", "/v1/uploadcare/files/", &bad, "").await;
        if reply.status == 429 {
            let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=100).contains(&wait), "{wait}");
        }
        statuses.push(reply.status.as_u16());
    }
    assert_eq!(statuses[..100], [401; 100]);
    assert!(statuses[200..].iter().filter(|status| **status == 429).count() > 90, "{statuses:?}");
    let left_out = stage.sentences().into_iter().filter(|text| text.contains("without a record of their own")).count();
    assert!((100..200).contains(&stage.sentences().len()), "{} records", stage.sentences().len());
    assert_eq!(left_out, 1);
    let first = stage.sentences().into_iter().find(|text| text.contains("without a record of their own")).unwrap();
    assert!(first.starts_with("1 request was turned away"), "{first}");
    // From the very same address.
    let reply = stage.ask(&key, "GET", "/v1/uploadcare/files/", "").await;
    assert_eq!(reply.status, 200);
}
