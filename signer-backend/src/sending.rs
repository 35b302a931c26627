//! Calls of Uploadcare on behalf of a caller: each waits for its turn, and is made again where that is safe.
//!
//! Invariant: nothing is done twice that might do harm twice. After a throttle or a connection that never was, nothing
//! was done, so anything may be made again; after a broken connection or a fault of the server's only what the
//! operation table calls safe, and never so often that a server in trouble is asked much more than usual. Nothing is
//! made again after the caller's patience.

use crate::pacer::Pacer;
use serde::de::DeserializeOwned;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use updock_client::{Answer, Call, Client, Error};
use updock_types::Repeat;

/// Most attempts of one call.
const ATTEMPTS: u32 = 3;
/// Longest pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(200);
/// How many attempts may be made again: so many at once, and one for every ten calls.
const BUDGET: f64 = 20.0;
const BUDGET_GROWTH: f64 = 0.1;

/// Uploadcare, as all callers share it.
pub(crate) struct Upstream {
    client: Client,
    pacer: Pacer,
    budget: Mutex<f64>,
}

impl Upstream {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, pacer: Pacer::default(), budget: Mutex::new(BUDGET) }
    }

    /// For a caller, each of whose calls waits so long for its turn.
    pub(crate) fn for_caller<'a>(&'a self, who: &'a str, patience: Duration) -> Asker<'a> {
        Asker { upstream: self, who, patience }
    }

    /// Without a turn: for the signer's own questions.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    fn earn(&self) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        *budget = (*budget + BUDGET_GROWTH).min(BUDGET);
    }

    fn spend(&self) -> bool {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = *budget >= 1.0;
        if enough {
            *budget -= 1.0;
        }
        enough
    }
}

/// Asks Uploadcare for one caller.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    upstream: &'a Upstream,
    who: &'a str,
    patience: Duration,
}

impl Asker<'_> {
    /// Makes a call and gives the answer as it came, whatever its status.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Error> {
        let Upstream { client, pacer, .. } = self.upstream;
        self.upstream.earn();
        let by = Instant::now() + self.patience;
        let mut made = 0;
        loop {
            let pass = pacer.turn(self.who, by).await.map_err(|wait| Error::Throttled { wait })?;
            let sending = client.send(call);
            #[cfg(feature = "otel")]
            let sending = crate::otel::calling(call.id(), made, sending);
            let ended = sending.await;
            made += 1;
            if let Ok(answer) = &ended
                && answer.status.as_u16() == 429
            {
                pacer.throttled(pass, answer.wait());
                if made < ATTEMPTS && Instant::now() + answer.wait() < by {
                    continue;
                }
                return ended;
            }
            if made == ATTEMPTS || !may_go_again(call.id().row().repeat, &ended) {
                return ended;
            }
            let pause = rand_part(PAUSE * (1 << (made - 1)));
            if Instant::now() + pause >= by || !self.upstream.spend() {
                return ended;
            }
            sleep(pause).await;
        }
    }

    /// Makes a call and reads its answer as `T`.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        self.send(call).await?.read()
    }
}

fn may_go_again(repeat: Repeat, ended: &Result<Answer, Error>) -> bool {
    let safe = repeat == Repeat::Safe;
    match ended {
        Ok(answer) => safe && matches!(answer.status.as_u16(), 502..=504),
        Err(Error::Unreachable(_)) => true,
        Err(Error::Broken(_)) => safe,
        Err(_) => false,
    }
}

/// Any part of it, so that those who failed together do not come again together.
fn rand_part(whole: Duration) -> Duration {
    let mut byte = [0];
    // Without chance the whole is as good.
    let part = getrandom::fill(&mut byte).map_or(255, |()| u32::from(byte[0]));
    whole * part / 255
}
