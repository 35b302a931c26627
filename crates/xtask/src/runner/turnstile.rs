//! Lets a browser's connections into a server one after the other.
//!
//! The test runner's server (`tiny_http` 0.12) hands a connection to a thread that it counts as idle until that thread
//! wakes. Of two connections that come in between, the second waits until the first one ends, and a browser keeps its
//! connections: a page that asks for several scripts at once then waits for one of them for ever. Here the next
//! connection is made only when the one before it has been answered for the first time.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::{Doing, Result};

/// A server that does not answer within this time holds up the others no longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens before `server`, as long as this program runs; gives the port.
pub(super) fn open(server: SocketAddr) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("listen before the test server")?;
    let port = listener.local_addr().doing("tell the port before the test server")?.port();
    let turn = Arc::new(Mutex::new(()));
    thread::spawn(move || {
        for browser in listener.incoming().flatten() {
            let turn = Arc::clone(&turn);
            thread::spawn(move || pass(browser, server, &turn));
        }
    });
    Ok(port)
}

/// One connection, until either side ends it.
fn pass(mut browser: TcpStream, server: SocketAddr, turn: &Mutex<()>) -> io::Result<()> {
    let mut head = [0; 4096];
    let length = browser.read(&mut head)?;
    if length == 0 {
        return Ok(());
    }
    let holds = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let mut server = TcpStream::connect(server)?;
    server.write_all(&head[..length])?;
    let (mut from, mut to) = (browser.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    server.set_read_timeout(Some(PATIENCE))?;
    let _ = server.peek(&mut [0]);
    server.set_read_timeout(None)?;
    drop(holds);
    let _ = io::copy(&mut server, &mut browser);
    browser.shutdown(Shutdown::Both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Instant;

    /// Like the test runner's: one thread a connection, kept as long as the connection; it says when one came.
    fn server(came: mpsc::Sender<Instant>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for mut browser in listener.incoming().flatten() {
                came.send(Instant::now()).unwrap();
                thread::spawn(move || {
                    let mut bytes = [0; 100];
                    while let Ok(read @ 1..) = browser.read(&mut bytes) {
                        thread::sleep(Duration::from_millis(40));
                        browser.write_all(&bytes[..read]).unwrap();
                    }
                });
            }
        });
        address
    }

    #[test]
    fn connections_come_one_after_the_other_and_are_kept() {
        let (sender, came) = mpsc::channel();
        let port = open(server(sender)).unwrap();
        let browsers: Vec<_> = (0..6)
            .map(|_| {
                thread::spawn(move || {
                    let mut browser = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                    for word in [b"once", b"more"] {
                        browser.write_all(word).unwrap();
                        let mut answer = [0; 4];
                        browser.read_exact(&mut answer).unwrap();
                        assert_eq!(&answer, word);
                    }
                    browser
                })
            })
            .collect();
        let _kept: Vec<_> = browsers.into_iter().map(|browser| browser.join().unwrap()).collect();
        let times: Vec<Instant> = came.try_iter().collect();
        assert_eq!(times.len(), 6);
        assert!(times.windows(2).all(|two| two[1] - two[0] >= Duration::from_millis(40)), "{times:?}");
    }
}
