//! `POST /v1/jobs`: starts a conversion or an add-on and waits for its end, so that callers need not ask again and
//! again.
//!
//! What it starts is an operation of the table, with the same body, decided on, counted and recorded as if it had been
//! asked for by itself. Invariant: once something has started, the answer names it, whatever happens after.

use crate::body::{self, Body, FRONT_LIMIT, Label};
use crate::decision::Need;
use crate::front::{self, Wish};
use crate::problem::Fault;
use crate::sending::Asker;
use crate::signer::{Signer, Visit};
use crate::{gateway, idempotency, operation, patience, sentence};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use updock_client::Call;
use updock_types::rest::{AddonStarted, Converting};
use updock_types::signer::{ProblemKind, paths};
use updock_types::{Cost, Operation};

/// Wait before the second look; it grows by half each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a look may wait for its turn: another one comes.
const LOOK: Duration = Duration::from_secs(1);
/// Looks that may find a job unknown: one that was just started may not be visible yet.
const MOST_UNKNOWN: u32 = 5;

/// What can be waited for: everything that is made elsewhere.
pub(crate) fn rows() -> impl Iterator<Item = &'static Operation> {
    operation::rows().filter(|row| row.cost == Cost::Processing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked<'a> {
    operation: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// `POST /v1/jobs`. Needs what the operation needs.
pub(crate) async fn start(State(signer): State<Signer>, visit: Visit, request: Request) -> Result<Response, Fault> {
    signer.clone().sees_through(Box::pin(answer(signer, visit, request))).await
}

async fn answer(signer: Signer, visit: Visit, request: Request) -> Result<Response, Fault> {
    let headers = request.headers().clone();
    let label = Label::of(&headers);
    let bytes = body::read(request, FRONT_LIMIT).await?;
    if label != Label::Json {
        return Err(body::wrong_type());
    }
    let Asked { operation: wanted, body: inner } = Body::Json(&bytes).json()?;
    let row = rows().find(|row| row.id.as_str() == wanted).ok_or_else(|| {
        let known: Vec<&str> = rows().map(|row| row.id.as_str()).collect();
        Fault::new(ProblemKind::BadRequest, format!("`operation` should be one of {}.", known.join(", ")))
    })?;
    let call = operation::call(operation::Address::of(row), None, &Body::Json(inner.get().as_bytes()))?;
    let key = idempotency::asked(&headers, &[paths::JOBS.as_bytes(), &bytes])?;
    let words = sentence::call_words(&call);
    let wish = Wish { operation: row.id.as_str(), words: &words, need: Need::of_call(&call), key };
    let address = format!("{}{}", signer.address(), paths::UPLOADCARE);
    let wait = patience::asked(&headers).unwrap_or(patience::MOST);
    front::carry_out(&signer, &visit, wish, call, async |allowed| {
        let asker = |patience| signer.upstream().for_caller(visit.caller().id(), patience);
        let answer = asker(patience::of(&headers)).send(allowed.what()).await;
        let answer = answer.map_err(|error| gateway::failed(&error, &signer.policy()))?;
        if !answer.status.is_success() {
            return gateway::not_done(&answer, &signer.policy());
        }
        let failed = |error| gateway::failed(&error, &signer.policy());
        let (mut jobs, problems) = match allowed.what() {
            Call::AddonExecute(addon, execute) => {
                let started: AddonStarted = answer.read().map_err(failed)?;
                let look = Call::AddonStatus(*addon, started.request_id);
                let named = json!({ "target": execute.target, "request_id": started.request_id });
                (vec![Job::new(look, named)], json!({}))
            }
            call => {
                let started: Converting = answer.read().map_err(failed)?;
                let look = |token| match call {
                    Call::VideoConvert(_) => Call::VideoStatus(token),
                    _ => Call::DocumentStatus(token),
                };
                let jobs = started.result.iter().map(|job| Job::new(look(job.token), json!(job))).collect();
                (jobs, json!(started.problems))
            }
        };
        wait_for(&mut jobs, asker(LOOK), wait).await;
        let ended = jobs.iter().all(Job::has_ended);
        let told: Vec<Value> = jobs.into_iter().map(|job| job.told(&address)).collect();
        let status = if ended { "done" } else { "running" };
        let body = json!({ "operation": row.id.as_str(), "status": status, "jobs": told, "problems": problems });
        let code = if ended { StatusCode::OK } else { StatusCode::ACCEPTED };
        Ok((code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response())
    })
    .await
}

/// One thing that was started.
struct Job {
    look: Call,
    /// What the service called it.
    named: Value,
    /// What the last look saw.
    seen: Value,
    unknown: u32,
}

impl Job {
    fn new(look: Call, named: Value) -> Self {
        Self { look, named, seen: json!({ "status": "pending" }), unknown: 0 }
    }

    fn has_ended(&self) -> bool {
        match self.seen["status"].as_str() {
            Some("pending" | "processing" | "in_progress") => false,
            Some("unknown") => self.unknown > MOST_UNKNOWN,
            _ => true,
        }
    }

    async fn look(&mut self, asker: Asker<'_>) {
        // A look that failed is no end of the job; the next one may succeed.
        if let Ok(seen) = asker.ask::<Value>(&self.look).await
            && seen["status"].is_string()
        {
            self.unknown += u32::from(seen["status"] == "unknown");
            self.seen = seen;
        }
    }

    /// With where to look later.
    fn told(mut self, address: &str) -> Value {
        let seen = self.seen.as_object_mut().map(std::mem::take).unwrap_or_default();
        if let Some(named) = self.named.as_object_mut() {
            named.extend(seen);
            named.insert("status_url".to_owned(), format!("{address}{}", self.look.target()).into());
        }
        self.named
    }
}

async fn wait_for(jobs: &mut [Job], asker: Asker<'_>, within: Duration) {
    let (until, mut wait) = (Instant::now() + within, FIRST_WAIT);
    loop {
        for job in jobs.iter_mut().filter(|job| !job.has_ended()) {
            if Instant::now() >= until {
                return;
            }
            job.look(asker).await;
        }
        if jobs.iter().all(Job::has_ended) || Instant::now() + wait > until {
            return;
        }
        sleep(wait).await;
        wait = (wait * 3 / 2).min(LONGEST_WAIT);
    }
}
