//! The signer as a library: a [`Signer`] makes the router to serve, or to nest into somebody's own application.
//!
//! Order of every request: request id, then who is calling, then what exactly is wanted, then the decision, then its
//! record, and only then the act. Each handler reads in that order.

use crate::audit::OnFailure;
use crate::body::{Json, OptionalJson};
use crate::caller::{Caller, Shown};
use crate::confirm::{Unconfirmed, confirm_each};
use crate::decision::{Allowed, Decision, Need, Verdict};
use crate::key::masked;
use crate::keys::{self, HeldKey, standing::Standing};
use crate::limits::AddressQuota;
use crate::live::{Holder, Live, Unchangeable};
use crate::log::{DecisionLog, Phase, Record};
use crate::metrics::Metrics;
use crate::policy::{CredentialTerms, Policy};
use crate::problem::{Fault, Label, render};
use crate::random::base62;
use crate::sending::Upstream;
use crate::sentence::{self, Pass};
use crate::signing::Signing;
use crate::state::{MemoryState, State as Store};
use crate::strangers::{Recorded, Strangers};
use crate::tokens::is_token;
use crate::webhooks::{self as hooks, events::Streams};
use crate::{
    audit, clock, cors, credentials, front, idempotency, jobs, limits, openapi, operation, own, patience, query,
    upstream,
};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Router, response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Semaphore, watch};
use tower_http::catch_panic::CatchPanicLayer;
use updock_client::{Call, Client, Error};
use updock_types::policy::UploadPolicy;
use updock_types::signer::{
    ConfirmRequest, Confirmation, Confirmations, Confirmed, CredentialRequest, IssuedCredential, ProblemKind,
    VerifyReceiptRequest, paths,
};
use updock_types::{FileUuid, Level};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long one call of Uploadcare may take; a caller should hear from us before it gives up.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(15);
/// Most requests that may run on when their callers have gone.
const RUNNING_ON: usize = 512;

/// The signer: policy, client and log, shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    live: Holder,
    upstream: Upstream,
    log: Arc<dyn DecisionLog>,
    state: Arc<dyn Store>,
    /// Signs tokens for streams of events, where webhooks are taken.
    events_key: Option<Signing>,
    metrics: Metrics,
    streams: Arc<Streams>,
    hook_cache: hooks::Cache,
    /// Changes whenever a webhook was taken.
    heard: watch::Sender<()>,
    /// Says to streams that do not end by themselves that the end has come.
    closing: watch::Sender<bool>,
    standing: Standing,
    /// Changes whenever the policy was replaced.
    replaced: watch::Sender<()>,
    running_on: Arc<Semaphore>,
    strangers: Strangers,
}

/// Settings of a [`Signer`].
pub struct SignerBuilder {
    policy: Policy,
    log: Arc<dyn DecisionLog>,
    state: Option<Arc<dyn Store>>,
    receipts: Option<Signing>,
    events_key: Option<Signing>,
    address: Option<String>,
    upstream_timeout: Duration,
}

impl SignerBuilder {
    /// Under which address callers reach the router, for the links in answers: scheme, host, and the prefix it is
    /// nested under. Otherwise it is the policy's `public_url`, or the address it listens on.
    #[must_use]
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Where the signer keeps what it must not forget; in memory otherwise.
    #[must_use]
    pub fn state(mut self, state: Arc<dyn Store>) -> Self {
        self.state = Some(state);
        self
    }

    /// Confirmed uploads get receipts signed with this key; none otherwise.
    #[must_use]
    pub fn receipts(mut self, key: Signing) -> Self {
        self.receipts = Some(key);
        self
    }

    /// Browsers may hear of events with tokens signed with this key, where the policy takes webhooks.
    #[must_use]
    pub fn events(mut self, key: Signing) -> Self {
        self.events_key = Some(key);
        self
    }

    /// How long one call of Uploadcare may take; 15 s otherwise.
    #[must_use]
    pub fn upstream_timeout(mut self, timeout: Duration) -> Self {
        self.upstream_timeout = timeout;
        self
    }

    /// The signer.
    pub fn build(self) -> Signer {
        let policy = self.policy;
        let client = Client::builder(policy.public_key.clone(), policy.secret.clone())
            .rest(policy.rest.clone())
            .answer_timeout(self.upstream_timeout)
            .build();
        let own = policy.public_url.as_ref().map(ToString::to_string);
        let address = self.address.or(own).unwrap_or_else(|| format!("http://{}", policy.listen));
        let address = address.trim_end_matches('/').to_owned();
        let state = self.state.unwrap_or_else(|| Arc::new(MemoryState::default()));
        let closing = watch::Sender::new(false);
        Signer(Arc::new(Inner {
            events_key: self.events_key.filter(|_| policy.webhooks.is_some()),
            live: Holder::new(policy, self.receipts, address),
            upstream: Upstream::new(client),
            log: self.log,
            state,
            metrics: Metrics::default(),
            streams: Arc::default(),
            hook_cache: hooks::Cache::default(),
            heard: watch::Sender::new(()),
            closing,
            standing: Standing::default(),
            replaced: watch::Sender::new(()),
            running_on: Arc::new(Semaphore::new(RUNNING_ON)),
            strangers: Strangers::default(),
        }))
    }
}

impl Signer {
    /// Settings for a signer under `policy` that records its decisions in `log`.
    pub fn builder(policy: Policy, log: Arc<dyn DecisionLog>) -> SignerBuilder {
        SignerBuilder {
            policy,
            log,
            state: None,
            receipts: None,
            events_key: None,
            address: None,
            upstream_timeout: UPSTREAM_TIMEOUT,
        }
    }

    /// Everything the signer answers, as a router to serve or to nest.
    ///
    /// The peer's address comes from axum's `ConnectInfo<SocketAddr>`; without it all visitors share one allowance.
    pub fn router(&self) -> Router {
        let policy = |method| {
            move |State(signer): State<Self>, headers: HeaderMap| async move {
                cors::preflight(&headers, &signer.policy(), method)
            }
        };
        let browsers = Router::new()
            .route(paths::UPLOAD_CREDENTIALS, post(issue_credential).options(policy("POST")))
            .route(paths::UPLOAD_POLICY, get(upload_policy).options(policy("GET")))
            .route(paths::UPLOADS_CONFIRM, post(confirm_upload).options(policy("POST")))
            .route(paths::EVENT_TOKENS, post(hooks::events::issue).options(policy("POST")))
            .route(paths::EVENTS, get(hooks::events::events))
            .route_layer(from_fn(idempotency::not_kept))
            .layer(from_fn_with_state(self.clone(), open_to_listed_origins));
        let programs = Router::new()
            .route(paths::KEYS, get(keys::http::list).post(keys::http::issue))
            .route(paths::KEYS_DERIVE, post(keys::http::derive))
            .route(paths::KEY_REVOKE, post(keys::http::revoke_one))
            .route(paths::RECEIPTS_VERIFY, post(verify_receipt))
            .route_layer(from_fn(idempotency::not_kept))
            .route(paths::JOBS, post(jobs::start))
            .route_layer(from_fn(query::only_bodies));
        let router = Router::new()
            .merge(browsers)
            .merge(programs)
            .merge(openapi::router(self.address()))
            .route(&format!("{}/{{*path}}", paths::UPLOADCARE), any(front::uploadcare))
            .route("/livez", get(async || "alive\n"))
            .route("/readyz", get(ready))
            .route(&format!("{}{{slug}}", hooks::PATH), post(hooks::receive::receive))
            .route(paths::AUDIT, get(audit::http::audit))
            .route(paths::REPORT_LEAK, post(keys::standing::report))
            .route(paths::POLICY_EXPLAIN, get(crate::policy::http::explain))
            .route(paths::RECEIPT_KEYS, get(receipt_keys))
            // Official SDKs put their paths at the root of whatever base address they are given.
            .merge(operation::roots().fold(Router::new(), |router, root| router.route(&root, any(front::uploadcare))))
            .fallback(async || Fault::new(ProblemKind::NotFound, "There is nothing at this address."))
            .method_not_allowed_fallback(async |method: Method| {
                let sentence = format!("{method} is not possible here; the Allow header says what is.");
                Fault::new(ProblemKind::MethodNotAllowed, sentence)
            })
            .layer(CatchPanicLayer::custom(|_| {
                Fault::new(ProblemKind::Internal, "Something went wrong here; the log knows more.").into_response()
            }))
            .layer(from_fn_with_state(self.clone(), frame));
        #[cfg(feature = "otel")]
        let router = router.layer(from_fn(crate::otel::request));
        router.with_state(self.clone())
    }

    /// Asks Uploadcare whether it takes our key, until it says yes or no, and says so in the log. Runs beside the
    /// service: a refused key must not keep the signer from starting and saying what is wrong.
    pub async fn check_key(&self) {
        let policy = self.policy();
        let project = &policy.public_key;
        let mut wait = Duration::from_secs(1);
        let mut said = false;
        loop {
            let answer = self.0.upstream.client().send(&Call::ProjectInfo).await;
            if let Some(offset) = answer.as_ref().ok().and_then(|answer| clock::offset(&answer.headers))
                && offset.judged() != clock::Judged::Good
            {
                let text = offset.to_string();
                tracing::warn!("{text}");
                let _ = self.0.log.record(record(Phase::Event, None, text)).await;
            }
            let text = match answer.and_then(|answer| answer.done()) {
                Ok(()) => {
                    tracing::info!(%project, "Uploadcare takes our secret key");
                    return;
                }
                Err(error) if error.is_key_refused() => upstream::key_refused(&policy),
                Err(error @ (Error::Refused { .. } | Error::Unexpected { .. })) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "Uploadcare's answer is not understood");
                    return;
                }
                Err(error) => {
                    if !said {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            rest = %policy.rest,
                            "Uploadcare cannot be asked whether it takes our key; asking again until it can"
                        );
                        said = true;
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_mins(1));
                    continue;
                }
            };
            tracing::error!(%project, "Uploadcare refused our secret key");
            // Nobody waits for this record; a log that cannot be written has already said so.
            let _ = self.0.log.record(record(Phase::Event, None, text)).await;
            return;
        }
    }

    /// Does `work` to its end even if its caller goes away meanwhile: what changes something should not stop halfway, and
    /// its outcome should be known. When very many do so at once, the rest stop with their callers.
    pub(crate) async fn sees_through<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        #[cfg(feature = "otel")]
        let work = crate::otel::within(work);
        let Ok(place) = Arc::clone(&self.0.running_on).try_acquire_owned() else { return work.await };
        let task = tokio::spawn(async move {
            let _place = place;
            work.await
        });
        match task.await {
            Ok(done) => done,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and nobody waits any more.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// How many requests that change something are under way, with their callers or without: at none nothing is lost by
    /// ending.
    pub fn under_way(&self) -> usize {
        RUNNING_ON.saturating_sub(self.0.running_on.available_permits())
    }

    pub(crate) fn state(&self) -> &Arc<dyn Store> {
        &self.0.state
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.0.standing
    }

    /// What holds at the moment.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.0.live.get()
    }

    /// The policy that holds at the moment.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.live().policy)
    }

    /// Puts `policy` in the place of the one that holds, for all requests that begin from now on. One that differs in
    /// what a running signer cannot change is refused, and nothing is replaced.
    pub fn replace(&self, policy: Policy) -> Result<(), Unchangeable> {
        self.0.live.replace(policy)?;
        self.0.replaced.send_replace(());
        Ok(())
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }

    pub(crate) fn address(&self) -> &str {
        self.0.live.address()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// `/metrics`, to be served on a listener of its own: it asks nobody who they are.
    pub fn metrics_router(&self) -> Router {
        let numbers = async |State(signer): State<Self>| {
            let mut text = signer.0.metrics.text();
            signer.0.upstream.pacer().write(&mut text);
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
        };
        Router::new().route("/metrics", get(numbers)).with_state(self.clone())
    }

    pub(crate) fn events_key(&self) -> Option<&Signing> {
        self.0.events_key.as_ref()
    }

    pub(crate) fn streams(&self) -> &Arc<Streams> {
        &self.0.streams
    }

    pub(crate) fn hook_cache(&self) -> &hooks::Cache {
        &self.0.hook_cache
    }

    /// A webhook was taken.
    pub(crate) fn heard(&self) {
        self.0.heard.send_replace(());
    }

    /// Changes whenever a webhook was taken.
    pub(crate) fn hears(&self) -> watch::Receiver<()> {
        self.0.heard.subscribe()
    }

    /// Sends webhooks on to the targets of the policy that holds, for ever. To be run beside
    /// the service.
    pub async fn run_outbox(&self) {
        let mut replaced = self.0.replaced.subscribe();
        loop {
            let terms = self.policy().webhooks.clone().filter(|terms| !terms.targets.is_empty());
            let running = async {
                match terms {
                    Some(terms) => {
                        hooks::run_outbox(Arc::clone(&self.0.state), terms, Arc::clone(&self.0.log), self.hears())
                            .await;
                    }
                    None => std::future::pending().await,
                }
            };
            // What was on its way is sent again when its lease is over.
            tokio::select! {
                () = running => return,
                changed = replaced.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Forgets what has had its time, in the state, for ever. To be run beside the service.
    pub async fn run_sweep(&self) {
        loop {
            let at = crate::state::now();
            if let Err(error) = self.0.state.sweep(at, limits::window(at)).await {
                tracing::warn!(%error, "what has had its time cannot be forgotten; trying again in an hour");
            }
            tokio::time::sleep(Duration::from_hours(1)).await;
        }
    }

    pub(crate) fn log(&self) -> &Arc<dyn DecisionLog> {
        &self.0.log
    }

    /// Becomes true when the signer is about to end.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.0.closing.subscribe()
    }

    /// Ends streams that would otherwise go on for ever. To be called when nothing new is taken in any more.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Who sends these headers: by a token where one is brought and the policy takes some, else by key or by page.
    async fn who(&self, from: &Parts, peer: Option<IpAddr>, live: &Live) -> Result<Caller, Fault> {
        let Parts { headers, uri, .. } = from;
        let Live { policy, tokens, .. } = live;
        let now = crate::state::now();
        let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
        if let (Some(tokens), Some(terms)) = (tokens, &policy.tokens)
            && let (Some(value), None) = (authorizations.next(), authorizations.next())
            && let Some((scheme, text)) = value.to_str().ok().and_then(|value| value.trim().split_once(' '))
            && scheme.eq_ignore_ascii_case("Bearer")
            && is_token(text.trim())
        {
            return tokens.caller(text.trim(), peer, now, terms, policy).await;
        }
        match Shown::of(headers, uri.path(), policy)? {
            Shown::Page(caller) => Ok(caller),
            Shown::Key(key) => self.0.standing.admit(&self.0.state, policy, &key, peer, now).await,
        }
    }

    /// Counts the call, over all instances.
    async fn within_rates(&self, caller: Result<Caller, Fault>, peer: Option<IpAddr>) -> Result<Caller, Fault> {
        let (state, policy, caller) = (&self.0.state, self.policy(), caller?);
        match (&caller, &policy.visitors) {
            (Caller::Agent { agent, .. }, _) => {
                // First those of the key: what is refused there costs nobody else anything.
                for (id, rate) in caller.held_key().into_iter().flat_map(HeldKey::rates) {
                    limits::rate(&**state, format!("key:{id}"), rate, "this key").await?;
                }
                if let Some(rate) = agent.rate {
                    // Of those who come with tokens, each counts for itself.
                    let who = caller.on_behalf_of().map(|subject| format!(":{subject}")).unwrap_or_default();
                    limits::rate(&**state, format!("agent:{}{who}", agent.id), rate, "this agent").await?;
                }
            }
            // This process has counted already.
            (Caller::Visitor { .. }, Some(visitors)) if state.shared() => {
                limits::rate(&**state, limits::visitor(peer), visitors.rate, "your address").await?;
            }
            (Caller::Visitor { .. }, _) => {}
        }
        Ok(caller)
    }

    pub(crate) async fn record(&self, record: Record) -> Result<(), Fault> {
        #[cfg(feature = "otel")]
        crate::otel::recorded(&record);
        let reads = record.level == Some(Level::Read.as_str());
        if record.phase != Phase::Decision {
            // What is done is done; that it was is said soon, and neither holds up the answer nor changes it.
            if let Err(error) = self.0.log.note(record).await {
                tracing::error!(%error, "an outcome cannot be recorded");
            }
            return Ok(());
        }
        let decided = record.caller.clone().zip(record.operation).zip(record.verdict);
        let start = Instant::now();
        let recorded = self.0.log.record(record).await;
        self.0.metrics.recorded.took(start.elapsed());
        let counted = match recorded {
            Err(error) if reads && self.policy().keeping.audit.on_failure == OnFailure::Count => {
                self.0.metrics.unrecorded();
                tracing::error!(%error, "a read goes on although its decision cannot be recorded");
                Ok(())
            }
            recorded => recorded.map_err(|error| {
                self.0.metrics.refused_unrecorded();
                tracing::error!(%error, "a request is refused because its decision cannot be recorded");
                Fault::new(
                    ProblemKind::Unavailable,
                    "The decision cannot be recorded, so nothing was done; try again later.",
                )
            }),
        };
        // Counted once it holds: what came to nothing because it could not be written down is no decision.
        if let (Ok(()), Some(((caller, operation), verdict))) = (&counted, decided) {
            self.0.metrics.decided(&caller, operation, verdict);
        }
        counted
    }

    /// Decides on `what`; records a refusal, and an approval too unless its own sentence follows.
    pub(crate) async fn decide<T>(
        &self,
        visit: &Visit,
        need: Need,
        asked: Asked<'_>,
        what: T,
    ) -> Result<Allowed<T>, Fault> {
        let (decision, allowed) = visit.caller.may(need, what);
        let refused = allowed.is_none();
        if let Some(verdict) = visit.shadow(&decision) {
            self.0.metrics.shadow_differs(decision.need.operation, verdict);
        }
        if !refused && let Err(fault) = limits::within(&*self.0.state, &visit.caller, &decision.need).await {
            let text = sentence::wish_refused(&visit.caller, asked.words, fault.detail());
            let record = visit.record(Phase::Decision, asked.operation, Some(&decision), text);
            self.record(Record { verdict: Some(Verdict::Deny), ..record }).await?;
            return Err(fault);
        }
        if refused || !asked.sentence_follows {
            let text = sentence::decided(&visit.caller, asked.words, &decision);
            self.record(visit.record(Phase::Decision, asked.operation, Some(&decision), text)).await?;
        }
        allowed.ok_or_else(|| {
            let kind = match decision.verdict {
                Verdict::Allow | Verdict::Deny => ProblemKind::Forbidden,
                Verdict::NeedsApproval => ProblemKind::ApprovalNeeded,
            };
            Fault::new(kind, sentence::refusal(&visit.caller, asked.words, &decision)).missing(decision.missing())
        })
    }

    /// Records that something allowed was done, and how Uploadcare answered.
    pub(crate) async fn carried_out(&self, visit: &Visit, asked: Asked<'_>, status: u16, took: Duration) {
        self.0.metrics.upstream.took(took);
        let text = sentence::carried_out(&visit.caller, asked.words, status);
        let record = visit.record(Phase::Outcome, asked.operation, None, text);
        let millis = u64::try_from(took.as_millis()).ok();
        // An outcome that cannot be recorded has said so, and changes nothing.
        let _ = self.record(Record { status: Some(status), millis, ..record }).await;
    }

    /// Records that something allowed had been done before, under the same idempotency key.
    pub(crate) async fn answered_as_before(&self, visit: &Visit, asked: Asked<'_>) {
        let text = sentence::answered_as_before(&visit.caller, asked.words);
        let _ = self.record(visit.record(Phase::Outcome, asked.operation, None, text)).await;
    }

    /// Records that something allowed came to nothing, and gives its fault on.
    pub(crate) async fn came_to_nothing(&self, visit: &Visit, asked: Asked<'_>, fault: Fault) -> Result<Fault, Fault> {
        let text = sentence::not_carried_out(&visit.caller, asked.words, fault.detail());
        self.record(visit.record(Phase::Outcome, asked.operation, None, text)).await?;
        Ok(fault)
    }
}

/// What is asked, in words.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) operation: &'static str,
    pub(crate) words: &'a str,
    pub(crate) sentence_follows: bool,
}

/// A caller and its request.
pub(crate) struct Visit {
    caller: Caller,
    /// Under which policy.
    policy: Arc<Policy>,
    peer: Option<IpAddr>,
    request_id: String,
}

impl Visit {
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Under which policy it is decided.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the shadow policy says, where it says otherwise.
    fn shadow(&self, decision: &Decision) -> Option<&'static str> {
        let shadow = self.policy.shadow.as_ref()?;
        let other = shadow.decision_for(&self.caller, decision.need.clone());
        let verdict = other.map_or(Verdict::Deny, |other| other.verdict);
        (verdict != decision.verdict).then(|| verdict.as_str())
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// A record of this request.
    pub(crate) fn record(
        &self,
        phase: Phase,
        operation: &'static str,
        decision: Option<&Decision>,
        text: String,
    ) -> Record {
        Record {
            peer: self.peer,
            caller: Some(self.caller.id().to_owned()),
            key_id: self.caller.held_key().map(|held| held.id().to_string()),
            parent_key: self.caller.held_key().and_then(HeldKey::parent).map(ToString::to_string),
            on_behalf_of: self.caller.on_behalf_of().map(|subject| subject.chars().take(64).collect()),
            operation: Some(operation),
            verdict: decision.map(|decision| decision.verdict),
            area: decision.map(|decision| decision.need.area.as_str()),
            level: decision.map(|decision| decision.need.level.as_str()),
            missing: decision.filter(|decision| !decision.is_allowed()).map(Decision::missing),
            policy: self.policy.digest.clone(),
            shadow: decision.and_then(|decision| self.shadow(decision)),
            shape: decision
                .filter(|decision| decision.need.count > 1)
                .map(|decision| format!("files: {}", decision.need.count)),
            rule: decision.and_then(|decision| decision.rule.as_ref()).map(|rule| rule.text.to_string()),
            ..record(phase, Some(self.request_id.clone()), text)
        }
    }
}

fn record(phase: Phase, request_id: Option<String>, text: String) -> Record {
    Record { phase, request_id, ..Record::event(text) }
}

/// The id of the request at hand, given by [`frame`].
#[derive(Clone)]
struct RequestId(String);

impl FromRequestParts<Signer> for Visit {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, signer: &Signer) -> Result<Self, Fault> {
        let live = signer.live();
        let Live { policy, visitors, .. } = &*live;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let caller = if key_in_query(&parts.uri) {
            Err(Fault::new(
                ProblemKind::BadRequest,
                "An agent key stands in the address, where others may have seen it: replace it, and send keys in the Authorization header.",
            ))
        } else {
            let keyless = !parts.headers.contains_key(header::AUTHORIZATION);
            match visitors.as_ref().filter(|_| keyless).map_or(Ok(()), |limiter| limiter.check(peer)) {
                Ok(()) => signer.within_rates(signer.who(parts, peer, &live).await, peer).await,
                Err(wait) => Err(too_many(wait)),
            }
        };
        match caller {
            Ok(caller) => Ok(Self { caller, policy: Arc::clone(policy), peer, request_id }),
            Err(fault) => {
                let origin = parts.headers.get(header::ORIGIN).map(|value| String::from_utf8_lossy(value.as_bytes()));
                let who = sentence::stranger(peer, origin.as_deref());
                if let Recorded::WithOthers { wait, say } = signer.0.strangers.turned_away(peer) {
                    signer.0.metrics.left_out();
                    if let Some(count) = say {
                        let record = Record { peer, ..record(Phase::Event, None, sentence::left_out(&who, count)) };
                        signer.record(record).await?;
                    }
                    // Who was throttled already, knows for how long.
                    let unknown = fault.status() == 401;
                    return Err(if unknown { too_many(wait) } else { fault });
                }
                let text = sentence::turned_away(&who, parts.method.as_str(), parts.uri.path(), fault.detail());
                let record =
                    Record { peer, verdict: Some(Verdict::Deny), ..record(Phase::Decision, Some(request_id), text) };
                signer.record(record).await?;
                Err(fault)
            }
        }
    }
}

fn too_many(wait: Duration) -> Fault {
    let sentence = format!("Too many requests from your address; ask again in {}.", sentence::duration(wait.as_secs()));
    Fault::new(ProblemKind::Throttled, sentence).retry_after(wait)
}

fn key_in_query(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.contains(crate::key::PREFIX))
}

/// Outermost: gives each request its id, each fault its body, and each answer the headers that all have.
async fn frame(State(signer): State<Signer>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = base62(12);
    let (method, path) = (request.method().clone(), masked(request.uri().path()).into_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let label = Label::asked(request.headers());
    let mut response = render(next.run(request).await, &id, label);
    tracing::debug!(request_id = %id, %method, path, status = response.status().as_u16(), "answered");
    signer.0.metrics.answered(response.status().as_u16());
    signer.0.metrics.requests.took(start.elapsed());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn open_to_listed_origins(State(signer): State<Signer>, request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let mut response = next.run(request).await;
    cors::open(&mut response, &asked, &signer.policy());
    response
}

/// `POST /v1/upload-credentials`: lets a browser upload, for a while. Needs `uploads: write`.
async fn issue_credential(
    State(signer): State<Signer>,
    visit: Visit,
    OptionalJson(asked): OptionalJson<CredentialRequest>,
) -> Result<response::Json<IssuedCredential>, Fault> {
    let words =
        Asked { operation: own::UPLOAD_CREDENTIAL.id, words: own::UPLOAD_CREDENTIAL.words, sentence_follows: true };
    let allowed = signer.decide(&visit, Need::own(&own::UPLOAD_CREDENTIAL), words, ()).await?;
    let policy = signer.policy();
    let terms = terms(&policy, &visit.caller);
    let ends = visit.caller.held_key().and_then(HeldKey::ends);
    let grant = match credentials::grant(&terms.until(ends, crate::state::now()), &asked) {
        Ok(grant) => grant,
        Err(fault) => {
            let text = sentence::wish_refused(&visit.caller, words.words, fault.detail());
            let record = visit.record(Phase::Decision, words.operation, None, text);
            signer.record(Record { verdict: Some(Verdict::Deny), ..record }).await?;
            return Err(fault);
        }
    };
    let now = unix_now();
    let id = base62(16);
    let issued = credentials::issue(&policy.upload_secret, &grant, visit.caller.id(), &id, now);
    let seconds = issued.expires_at - now;
    let (pass, operations) = match &grant {
        credentials::Grant::Token { operations, .. } => {
            (Pass::Token { operations: *operations, seconds, id: &id }, Some(*operations))
        }
        credentials::Grant::Signature { .. } => (Pass::Signature { seconds }, None),
    };
    let text = sentence::given(&visit.caller, asked.on_behalf_of.as_deref(), &pass);
    signer.record(visit.record(Phase::Decision, words.operation, Some(allowed.decision()), text)).await?;
    Ok(response::Json(IssuedCredential {
        credential: issued.credential,
        public_key: policy.public_key.clone(),
        expires_at: issued.expires_at,
        server_time: now,
        operations,
        policy: policy.upload_policy.clone(),
    }))
}

/// `GET /v1/upload-policy`: what may be uploaded. Needs `uploads: read`.
async fn upload_policy(
    State(signer): State<Signer>,
    visit: Visit,
    uri: Uri,
) -> Result<response::Json<UploadPolicy>, Fault> {
    query::none(uri.query().unwrap_or_default())?;
    let words = Asked { operation: own::UPLOAD_POLICY.id, words: own::UPLOAD_POLICY.words, sentence_follows: false };
    signer.decide(&visit, Need::own(&own::UPLOAD_POLICY), words, ()).await?;
    Ok(response::Json(signer.policy().upload_policy.clone()))
}

/// `POST /v1/uploads/confirm`: reads what files really are, judges and stores them. Needs `uploads: write`.
async fn confirm_upload(
    State(signer): State<Signer>,
    visit: Visit,
    Json(request): Json<ConfirmRequest>,
) -> Result<Response, Fault> {
    signer.clone().sees_through(Box::pin(confirm(signer, visit, request))).await
}

async fn confirm(signer: Signer, visit: Visit, request: ConfirmRequest) -> Result<Response, Fault> {
    let (words, files) = match &request {
        ConfirmRequest::One { uuid } => (format!("confirm file {uuid}"), vec![*uuid]),
        ConfirmRequest::Several { uuids } => (sentence::confirm_words(uuids), uuids.clone()),
    };
    let asked = Asked { operation: own::UPLOAD_CONFIRM.id, words: &words, sentence_follows: false };
    let need = Need { count: files.len(), ..Need::own(&own::UPLOAD_CONFIRM) };
    let allowed = signer.decide(&visit, need, asked, files).await?;
    let (live, upstream) = (signer.live(), signer.upstream());
    let policy = &*live.policy;
    let mut ends = Vec::new();
    let asker = upstream.for_caller(visit.caller.id(), patience::USUAL);
    let quota = policy.files_of_address(&visit.caller);
    let quota = quota.map(|most| AddressQuota::of(visit.peer, most, &*signer.0.state));
    let confirmed = confirm_each(asker, policy, terms(policy, &visit.caller), quota, allowed.what()).await;
    for (mut end, uuid) in confirmed.into_iter().zip(allowed.what()) {
        let text = match &mut end {
            Ok(confirmed) => {
                let receipts = live.receipts.as_ref();
                confirmed.receipt = receipts.map(|receipts| receipts.make(confirmed, visit.caller.id(), unix_now()));
                let (size, mime_type) = (confirmed.size, &confirmed.mime_type);
                sentence::confirmed(&visit.caller, *uuid, size, mime_type, confirmed.stored)
            }
            Err(Unconfirmed { fault, deleted }) => {
                sentence::not_confirmed(&visit.caller, *uuid, fault.detail(), *deleted)
            }
        };
        signer.record(visit.record(Phase::Outcome, asked.operation, None, text)).await?;
        ends.push((*uuid, end.map_err(|unconfirmed| unconfirmed.fault)));
    }
    if let ConfirmRequest::One { .. } = request
        && let Some((_, end)) = ends.pop()
    {
        return end.map(|confirmed| response::Json(confirmed).into_response());
    }
    let result = |(uuid, end): (FileUuid, Result<Confirmed, Fault>)| match end {
        Ok(confirmed) => Confirmation::Confirmed(confirmed),
        Err(fault) => Confirmation::Refused { uuid, problem: fault.into_problem(&visit.request_id) },
    };
    let results = ends.into_iter().map(result).collect();
    Ok(response::Json(Confirmations { results }).into_response())
}

/// The most that a caller gets as upload credentials.
fn terms<'a>(policy: &'a Policy, caller: &'a Caller) -> &'a CredentialTerms {
    match (caller, &policy.visitors) {
        (Caller::Visitor { .. }, Some(visitors)) => &visitors.terms,
        (Caller::Agent { agent, .. }, _) => &agent.terms,
        (Caller::Visitor { .. }, None) => &policy.agent_terms,
    }
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `GET /readyz`: can requests be decided, recorded and answered?
async fn ready(State(signer): State<Signer>) -> Result<&'static str, Fault> {
    signer.0.state.ready().await.map_err(|error| {
        tracing::error!(%error, "the state does not answer");
        Fault::new(ProblemKind::Unavailable, "The state does not answer; the log says why.")
    })?;
    Ok("ready\n")
}

/// `POST /v1/receipts/verify`: is a receipt good, and what does it say? Needs `uploads: read`.
async fn verify_receipt(
    State(signer): State<Signer>,
    visit: Visit,
    Json(VerifyReceiptRequest { receipt }): Json<VerifyReceiptRequest>,
) -> Result<Response, Fault> {
    let asked = Asked { operation: own::RECEIPT_VERIFY.id, words: own::RECEIPT_VERIFY.words, sentence_follows: false };
    signer.decide(&visit, Need::own(&own::RECEIPT_VERIFY), asked, ()).await?;
    let live = signer.live();
    let receipts = live.receipts.as_ref().ok_or_else(no_receipts)?;
    Ok(response::Json(receipts.verify(&receipt, unix_now())?).into_response())
}

/// `GET /.well-known/updock-receipts`: the public key, for whoever verifies receipts without asking us.
async fn receipt_keys(State(signer): State<Signer>) -> Result<Response, Fault> {
    let live = signer.live();
    let receipts = live.receipts.as_ref().ok_or_else(no_receipts)?;
    Ok(response::Json(receipts.key_set()).into_response())
}

fn no_receipts() -> Fault {
    Fault::new(ProblemKind::NotFound, "This signer gives no receipts.")
}
