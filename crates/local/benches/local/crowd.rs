//! A crowd: a thousand connections that do nothing, and two hundred uploads at once among them.

use crate::{
    measure::{Line, Table, call},
    servers::{local, peak_mib},
};
use std::{
    net::TcpStream,
    path::Path,
    sync::{Arc, Barrier},
    time::Instant,
};

const IDLE: usize = 1000;
const UPLOADS: usize = 200;
const SIZE: usize = 4_000_000;

pub(crate) fn run(table: &mut Table, directory: &Path) {
    let server = local(&directory.join("crowd"), &["--header-timeout", "600s"]);
    let idle: Vec<TcpStream> = (0..IDLE)
        .map(|_| TcpStream::connect(&server.address).expect("1 300 open files must be allowed: ulimit -n 4096"))
        .collect();
    // One that has asked once is idle in another way.
    let mut asked: Vec<Line> = (0..10).map(|_| Line::open(&server.address)).collect();
    for line in &mut asked {
        line.ask("GET /_local/files HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    let content: Arc<Vec<u8>> = Arc::new((0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect());
    let barrier = Arc::new(Barrier::new(UPLOADS + 1));
    let workers: Vec<_> = (0..UPLOADS)
        .map(|_| {
            let (address, content, barrier) = (server.address.clone(), content.clone(), barrier.clone());
            std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
                let start = b"--X\r\nContent-Disposition: form-data; name=\"UPLOADCARE_PUB_KEY\"\r\n\r\ndemopublickey\r\n--X\r\n\
                              Content-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";
                let body = [&start[..], &content[..], b"\r\n--X--\r\n"].concat();
                let head = format!(
                    "POST /base/ HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=X\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                barrier.wait();
                call(&address, &head, &body);
            })
        })
        .map(Result::unwrap)
        .collect();
    barrier.wait();
    let started = Instant::now();
    for worker in workers {
        worker.join().unwrap();
    }
    println!("  {UPLOADS} uploads of 4 MB at once took {:.1} s", started.elapsed().as_secs_f64());
    drop(idle);
    table.at_most(
        "peak memory, 1 000 idle connections and 200 uploads",
        f64::from(peak_mib(server.id())),
        128.0,
        "MiB",
    );
}
