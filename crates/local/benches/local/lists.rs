//! Reading among 100 000 files: one file, pages at both ends of the list, and how long it takes to start.

use crate::{
    measure::{Line, Table, call, median, rate, rest},
    servers::{bare_answer, local},
};
use sqlx::{Connection, Row, sqlite::SqliteConnectOptions};
use std::{
    path::Path,
    time::{Duration, Instant},
};

const FILES: u32 = 100_000;
const ROUNDS: usize = 5;
const LINES: usize = 8;
const TIME: Duration = Duration::from_secs(2);
/// Deep in the list: so many files come before the page.
const DEEP: u32 = 90_000;

pub(crate) fn run(table: &mut Table, directory: &Path) {
    let data = directory.join("many");
    let at = fill(&data);
    let mut starts: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            drop(local(&data, &[]));
            started.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    table.at_most("start-up with 100 000 files", median(&mut starts), 200.0, "ms");

    let server = local(&data, &[]);
    let uuid = "00007530-0000-4000-8000-000000007530";
    for (what, target, least) in [
        ("GET /files/{uuid}/", format!("/files/{uuid}/"), 0.12),
        ("GET /files/?limit=100", "/files/?limit=100".to_owned(), 0.25),
    ] {
        let request = rest(&target);
        let file = directory.join("answer");
        std::fs::write(&file, call(&server.address, &request, b"")).unwrap();
        let bare = bare_answer(&file);
        let mut ratios = Vec::new();
        for round in 1..=ROUNDS {
            let (reference, measured) =
                (rate(&bare.address, &request, LINES, TIME), rate(&server.address, &request, LINES, TIME));
            println!("  {what}, round {round}: bare {reference:.0}/s, updock-local {measured:.0}/s");
            ratios.push(measured / reference);
        }
        table.at_least(&format!("{what} / bare axum handler"), median(&mut ratios), least, "x");
    }

    let first = rest("/files/?limit=100");
    let deep = rest(&format!("/files/?limit=100&from={at}"));
    let mut line = Line::open(&server.address);
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        near.push(line.ask(&first).as_secs_f64() * 1000.0);
        far.push(line.ask(&deep).as_secs_f64() * 1000.0);
    }
    let (near, far) = (median(&mut near), median(&mut far));
    println!("  a page of 100: first {near:.2} ms, after {DEEP} files {far:.2} ms");
    table.at_most("page after 90 000 files / first page", far / near, 1.2, "x");
}

/// Uploads one file and multiplies its row; the time of the file after which the deep page begins.
#[tokio::main]
async fn fill(data: &Path) -> String {
    let server = local(data, &[]);
    let body = "--X\r\nContent-Disposition: form-data; name=\"UPLOADCARE_PUB_KEY\"\r\n\r\ndemopublickey\r\n--X\r\n\
                Content-Disposition: form-data; name=\"metadata[pet]\"\r\n\r\ncat\r\n--X\r\n\
                Content-Disposition: form-data; name=\"file\"; filename=\"photo of a cat.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nhello\r\n--X--\r\n";
    let length = body.len();
    let head = format!(
        "POST /base/ HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=X\r\ncontent-length: {length}\r\n\r\n"
    );
    call(&server.address, &head, body.as_bytes());
    drop(server);

    let options = SqliteConnectOptions::new().filename(data.join("updock-local.sqlite"));
    let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    // Whatever columns there are; generated ones are not among them.
    let columns: Vec<String> = sqlx::query("SELECT name FROM pragma_table_info('files')")
        .fetch_all(&mut database)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let value = |column: &String| match column.as_str() {
        "uuid" => "printf('%08x-0000-4000-8000-%012x', n, n)".to_owned(),
        "uploaded_at" => "uploaded_at + n".to_owned(),
        _ => column.clone(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let insert = format!(
        "WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < {FILES} - 1)
         INSERT INTO files ({}) SELECT {} FROM numbers, (SELECT * FROM files LIMIT 1)",
        columns.join(", "),
        values.join(", ")
    );
    sqlx::query(sqlx::AssertSqlSafe(insert)).execute(&mut database).await.unwrap();
    let at: i64 = sqlx::query_scalar("SELECT uploaded_at FROM files ORDER BY uploaded_at LIMIT 1 OFFSET ?")
        .bind(DEEP - 1)
        .fetch_one(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    updock_types::Timestamp::from_micros(at).unwrap().to_string()
}
