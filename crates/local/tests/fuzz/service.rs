//! The stand-in under test, a client that sends bytes as they are, and the judge of what comes back.

use crate::case::{Case, World};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Mutex, Once, PoisonError},
    time::{Duration, UNIX_EPOCH},
};
use tokio::runtime::Runtime;
use updock_local::{Config, LocalUploadcare};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Panics of the whole process since they were last looked at: what panics in a task of the server is told nowhere else.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A stand-in with a few things in it.
pub(crate) struct Service {
    runtime: Runtime,
    local: Option<LocalUploadcare>,
    address: SocketAddr,
    connection: Option<TcpStream>,
    signed: bool,
    pub(crate) world: World,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Service {
    pub(crate) fn start(signed: bool) -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if std::thread::current().name().is_some_and(|name| name == "stand-in") {
                    PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
                } else {
                    before(info);
                }
            }));
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("stand-in")
            .enable_all()
            .build()
            .unwrap();
        let config = Config {
            signed_uploads: signed,
            body_timeout: Duration::from_millis(200),
            header_timeout: Duration::from_secs(5),
            ..Config::default()
        };
        let local = runtime.block_on(LocalUploadcare::with(config)).unwrap();
        let address = local.address();
        let mut service = Self { runtime, local: Some(local), address, connection: None, signed, world: World::new() };
        service.seed();
        service
    }

    /// Forgets what was stored, and stores afresh what the placeholders name.
    pub(crate) fn seed(&mut self) {
        assert_eq!(self.must(&Case::new("POST", "/_local/reset")).status, 204);
        self.world.clear();
        let png = include_bytes!("seeds/pixel.png");
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, 50);
        encoder.encode(&[120; 8 * 8 * 3], 8, 8, jpeg_encoder::ColorType::Rgb).unwrap();
        let pdf = include_bytes!("seeds/page.pdf");
        for (name, file, content) in
            [("FILE", "a.txt", &b"hello"[..]), ("IMAGE", "a.png", png), ("JPEG", "a.jpg", &jpeg), ("PDF", "a.pdf", pdf)]
        {
            let head = format!(
                "--X\r\nContent-Disposition: form-data; name=\"UPLOADCARE_PUB_KEY\"\r\n\r\ndemopublickey\r\n--X\r\nContent-Disposition: form-data; name=\"signature\"\r\n\r\n@HMAC+600@\r\n--X\r\nContent-Disposition: form-data; name=\"expire\"\r\n\r\n@NOW+600@\r\n--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\r\n"
            );
            let body = [head.as_bytes(), content, b"\r\n--X--\r\n"].concat();
            let case = Case::new("POST", "/base/").header("content-type", "multipart/form-data; boundary=X").body(body);
            let answer = self.must(&case);
            let uuid =
                serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()["file"].as_str().unwrap().to_owned();
            self.world.insert(name, uuid);
        }
        let form = |path: &str, body: &str| {
            let body = format!("{body}&signature=@HMAC+600@&expire=@NOW+600@");
            Case::new("POST", path).header("content-type", "application/x-www-form-urlencoded").body(body)
        };
        let group = self.must(&form("/group/", "pub_key=demopublickey&files[]=@FILE@&files[]=@IMAGE@"));
        let group: serde_json::Value = serde_json::from_slice(&group.body).unwrap();
        self.world.insert("GROUP", group["id"].as_str().unwrap().to_owned());
        let started = "UPLOADCARE_PUB_KEY=demopublickey&filename=big.bin&size=11000000&content_type=a/b";
        let started: serde_json::Value =
            serde_json::from_slice(&self.must(&form("/multipart/start/", started)).body).unwrap();
        self.world.insert("UPLOAD", started["uuid"].as_str().unwrap().to_owned());
        for (name, url) in ["PART1", "PART2", "PART3"].into_iter().zip(started["parts"].as_array().unwrap()) {
            let path = url.as_str().unwrap().splitn(4, '/').nth(3).unwrap();
            self.world.insert(name, format!("/{path}"));
        }
    }

    /// What is wrong with everything that was accepted so far, if it cannot be read back.
    pub(crate) fn read_back(&mut self) -> Option<String> {
        for target in [
            "/files/?limit=1000&include=appdata",
            "/files/?limit=1000&removed=true",
            "/groups/?limit=1000",
            "/webhooks/",
        ] {
            let answer = self.judge(&Case::new("GET", target).rest());
            let Ok(Some(answer)) = answer else { return Some(format!("{target}: {answer:?}")) };
            // Webhooks may be switched off.
            if answer.status != 200 && target != "/webhooks/" {
                return Some(format!("{target}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
            }
        }
        None
    }

    fn must(&mut self, case: &Case) -> Answer {
        let answer = self.send(case).unwrap_or_else(|error| panic!("{} got no answer: {error}", case.method));
        assert!(answer.status < 500, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        answer
    }

    /// Sends `case` and says what is wrong with what happened.
    pub(crate) fn judge(&mut self, case: &Case) -> Result<Option<Answer>, String> {
        let answer = self.send(case);
        let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(panic) = panics.first() {
            return Err(format!("a panic: {panic}"));
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error == "timed out" => return Err("no answer in time".to_owned()),
            // What hyper cannot read it need not answer.
            Err(_) if !well_formed(case) => return Ok(None),
            Err(_) => match self.send(case) {
                Ok(answer) => answer,
                Err(error) => return Err(format!("no answer: {error}")),
            },
        };
        let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
        if answer.status >= 500 {
            return Err(format!("{}: {text}", answer.status));
        }
        if answer.header("content-type").is_some_and(|value| value.contains("json")) && !answer.body.is_empty() {
            // What is stored as JSON is served as it is.
            let stored = answer.header("accept-ranges").is_some();
            match serde_json::from_slice::<serde_json::Value>(&answer.body) {
                Ok(json) if json["error"]["status_code"].as_u64().is_some_and(|status| status >= 500) => {
                    return Err(format!("in an envelope: {text}"));
                }
                Err(error) if !stored => return Err(format!("called JSON but is not ({error}): {text}")),
                _ => {}
            }
        }
        Ok(Some(answer))
    }

    fn send(&mut self, case: &Case) -> Result<Answer, String> {
        let wire = case.to_wire(&self.world, UNIX_EPOCH.elapsed().unwrap().as_secs());
        // A connection that was kept may have ended meanwhile.
        let kept = self.connection.take();
        let fresh = kept.is_none();
        match self.exchange(kept, &wire, case) {
            Err(error) if !fresh && error != "timed out" => self.exchange(None, &wire, case),
            result => result,
        }
    }

    fn exchange(&mut self, kept: Option<TcpStream>, wire: &[u8], case: &Case) -> Result<Answer, String> {
        let mut socket = match kept {
            Some(socket) => socket,
            None => TcpStream::connect(self.address).map_err(|error| error.to_string())?,
        };
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        // An answer may come before all was sent; then the rest cannot be written.
        let written = socket.write_all(wire);
        let answer = receive(&mut socket, case.method == "HEAD")?;
        let framed = case
            .headers
            .iter()
            .any(|(name, _)| matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection"));
        let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if written.is_ok() && !framed && !closes && case.method != "TRACE" {
            self.connection = Some(socket);
        }
        Ok(answer)
    }

    /// Makes things go wrong on purpose.
    pub(crate) fn fault(&mut self, faults: &str) {
        let faults = updock_local::Fault::parse_list(faults).unwrap();
        self.local.as_ref().unwrap().set_faults(faults);
    }

    /// The same from the start.
    pub(crate) fn restart(&mut self) {
        let signed = self.signed;
        *self = Self::start(signed);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let local = self.local.take();
        let _guard = self.runtime.enter();
        drop(local);
    }
}

fn receive(socket: &mut TcpStream, head_only: bool) -> Result<Answer, String> {
    let told = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => "timed out".to_owned(),
        _ => error.to_string(),
    };
    let mut bytes = Vec::new();
    let mut more = |bytes: &mut Vec<u8>| -> Result<usize, String> {
        let mut buffer = [0; 16 * 1024];
        let count = socket.read(&mut buffer).map_err(told)?;
        bytes.extend_from_slice(&buffer[..count]);
        Ok(count)
    };
    loop {
        let end = loop {
            if let Some(end) = crate::case::find(&bytes, b"\r\n\r\n") {
                break end;
            }
            if more(&mut bytes)? == 0 {
                return Err("the connection ended".to_owned());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        bytes.drain(..end + 4);
        let status: u16 = head.get(9..12).and_then(|text| text.parse().ok()).ok_or("no status line")?;
        if status < 200 {
            continue;
        }
        let mut answer = Answer { status, head, body: Vec::new() };
        if head_only || matches!(status, 204 | 304) {
            return Ok(answer);
        }
        if let Some(length) = answer.header("content-length").and_then(|text| text.parse::<usize>().ok()) {
            while bytes.len() < length {
                if more(&mut bytes)? == 0 {
                    return Err("the answer is cut off".to_owned());
                }
            }
            bytes.truncate(length);
        } else if answer.header("transfer-encoding").is_some() {
            while !bytes.ends_with(b"0\r\n\r\n") {
                if more(&mut bytes)? == 0 {
                    return Err("the answer is cut off".to_owned());
                }
            }
        } else {
            while more(&mut bytes)? > 0 {}
        }
        answer.body = bytes;
        return Ok(answer);
    }
}

fn well_formed(case: &Case) -> bool {
    let mut request = http::Request::builder().method(case.method.as_str()).uri(&case.target[..]);
    for (name, value) in &case.headers {
        if matches!(
            name.as_str(),
            "content-length" | "transfer-encoding" | "host" | "connection" | "expect" | "upgrade"
        ) {
            return false;
        }
        request = request.header(name, &value[..]);
    }
    case.target.starts_with(b"/") && request.body(()).is_ok()
}
