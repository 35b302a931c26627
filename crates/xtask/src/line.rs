//! A line of limited speed in front of a server: so many bytes a second for all connections together on the way there,
//! and a delay on the way back. What a bench or a test needs of a network on a machine that has none.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::error::{Doing, Result};

/// What is taken from a connection at once: small, so that connections share the line evenly.
const PIECE: usize = 16 * 1024;
/// What the system holds back for a connection. With its own choice of megabytes a client would believe that it had
/// sent what still waits for the line.
const HELD: u32 = 64 * 1024;

/// What a line is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speed {
    /// There, all connections together.
    pub(crate) bytes_per_second: u32,
    /// Of each answer.
    pub(crate) delay: Duration,
}

/// A line that has an address and leads nowhere yet.
pub(crate) struct Line {
    listener: TcpListener,
    origin: String,
}

/// A line in use; it is gone when this is dropped.
pub(crate) struct InUse(JoinHandle<()>);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Line {
    /// Takes a free port.
    pub(crate) fn lay() -> Result<Self> {
        let socket = TcpSocket::new_v4().doing("make a line")?;
        // Before it listens: connections inherit it.
        socket.set_recv_buffer_size(HELD).doing("make a line")?;
        socket.bind(([127, 0, 0, 1], 0).into()).doing("make a line")?;
        let listener = socket.listen(256).doing("make a line")?;
        let origin = format!("http://{}", listener.local_addr().doing("ask for the line's port")?);
        Ok(Self { listener, origin })
    }

    /// Where to connect to.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Leads to `server`, `host:port`, from now on.
    pub(crate) fn lead_to(self, server: String, speed: Speed) -> InUse {
        let turn = Arc::new(Mutex::new(Instant::now()));
        InUse(tokio::spawn(async move {
            while let Ok((near, _)) = self.listener.accept().await {
                let (server, turn) = (server.clone(), Arc::clone(&turn));
                // A connection that breaks is its client's business.
                tokio::spawn(async move { carry(near, &server, speed, &turn).await });
            }
        }))
    }
}

async fn carry(near: TcpStream, server: &str, speed: Speed, turn: &Mutex<Instant>) -> std::io::Result<()> {
    let far = TcpStream::connect(server).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let (later, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let there = async {
        let mut piece = vec![0; PIECE];
        loop {
            let len = near_in.read(&mut piece).await?;
            if len == 0 {
                return far_out.shutdown().await;
            }
            sleep_until(slot(turn, len, speed).await).await;
            far_out.write_all(&piece[..len]).await?;
        }
    };
    let back = async {
        let mut piece = vec![0; PIECE];
        loop {
            let len = far_in.read(&mut piece).await?;
            if len == 0 {
                drop(later);
                return Ok(());
            }
            // The writer is gone only when the client is.
            let _ = later.send((Instant::now() + speed.delay, piece[..len].to_vec()));
        }
    };
    let deliver = async {
        while let Some((at, bytes)) = due.recv().await {
            sleep_until(at).await;
            near_out.write_all(&bytes).await?;
        }
        near_out.shutdown().await
    };
    tokio::try_join!(there, back, deliver).map(drop)
}

/// When `len` bytes have gone through, if they queue now.
async fn slot(turn: &Mutex<Instant>, len: usize, speed: Speed) -> Instant {
    let mut turn = turn.lock().await;
    let len = u32::try_from(len).unwrap_or(u32::MAX);
    let takes = Duration::from_secs_f64(f64::from(len) / f64::from(speed.bytes_per_second));
    *turn = (*turn).max(Instant::now()) + takes;
    *turn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_share_the_line_and_answers_come_late() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                tokio::spawn(async move {
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).await.unwrap();
                    stream.write_all(b"ok").await.unwrap();
                });
            }
        });
        let line = Line::lay().unwrap();
        let near = line.origin().strip_prefix("http://").unwrap().to_owned();
        let _line = line.lead_to(address, Speed { bytes_per_second: 1_000_000, delay: Duration::from_millis(100) });
        let start = Instant::now();
        let send = || async {
            let mut stream = TcpStream::connect(&near).await.unwrap();
            stream.write_all(&vec![7; 200_000]).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"ok");
        };
        tokio::join!(send(), send());
        let took = start.elapsed();
        assert!((Duration::from_millis(490)..Duration::from_millis(1500)).contains(&took), "{took:?}");
    }
}
