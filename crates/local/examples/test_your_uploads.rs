//! A test of code that uploads: it starts a stand-in, points the code at it, makes a part fail twice, and looks at what
//! arrived. `cargo run -p updock-local --example test_your_uploads`

use std::{error::Error, io::Write, net::TcpStream};
use updock_local::{Fault, LocalUploadcare};

/// The code under test. Yours takes the address of Uploadcare from its configuration.
fn upload(base_url: &str, name: &str, content: &str) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let address = base_url.trim_start_matches("http://");
    let body = format!(
        "--X\r\nContent-Disposition: form-data; name=\"UPLOADCARE_PUB_KEY\"\r\n\r\ndemopublickey\r\n\
         --X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n--X--\r\n"
    );
    for _attempt in 0..3 {
        let mut socket = TcpStream::connect(address)?;
        let length = body.len();
        write!(
            socket,
            "POST /base/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: multipart/form-data; boundary=X\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        if std::io::read_to_string(socket)?.starts_with("HTTP/1.1 200") {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // In memory, on a port of its own. When it is dropped it stops, and everything it kept is gone.
    let uploadcare = LocalUploadcare::start().await?;
    uploadcare.set_faults(Fault::parse_list(
        r#"{"name": "storm", "operation": "uploads.direct", "count": 2, "effect": {"status": 503}}"#,
    )?);

    let base_url = uploadcare.base_url();
    let uploaded = tokio::task::spawn_blocking(move || upload(&base_url, "photo.jpg", "pixels")).await??;

    assert!(uploaded, "the code gave up too early");
    let arrived = uploadcare.requests();
    let told: Vec<_> = arrived.iter().map(|request| (request.status, request.fault.as_deref())).collect();
    assert_eq!(told, [(Some(503), Some("storm")), (Some(503), Some("storm")), (Some(200), None)]);
    println!(
        "uploaded at the third attempt, {} bytes in all",
        arrived.iter().map(|request| request.received).sum::<u64>()
    );
    Ok(())
}
