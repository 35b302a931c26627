//! `/v1/keys` over HTTP. `admin: read` shows an agent its own keys and lets it derive narrower ones; `admin: write`
//! issues and revokes its own, `admin: full` everyone's. A key issues none that ends after it does, and who comes with a
//! token none at all, unless with `admin: full`: else a stolen key would have a successor that nobody knows of.
//!
//! Invariant: what is made or ended was recorded before, and who may not see a key does not learn whether there is one.

use super::make::{self, Issuer, Plan};
use super::standing::{Known, line_of, revoke};
use super::{HeldKey, list};
use crate::body::{Json, OptionalJson};
use crate::caller::{Caller, Proof};
use crate::decision::{Decision, Need, Verdict};
use crate::limits;
use crate::log::{Phase, Record};
use crate::own::{KEY_DERIVE, KEY_ISSUE, KEY_REVOKE, KEYS_LIST};
use crate::policy::Agent;
use crate::problem::Fault;
use crate::query;
use crate::sentence;
use crate::signer::{Asked, Signer, Visit};
use crate::state::{StateError, now};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response;
use http::{StatusCode, Uri};
use std::sync::Arc;
use updock_types::signer::{DeriveKeyRequest, IssueKeyRequest, KeyId, KeyInfo, KeyLife, KeyList, NewKey, ProblemKind};
use updock_types::{Area, Level};

/// How often the keys of one agent may be derived from: each new one is a row.
const DERIVING: &str = "10/m burst 30";

/// `GET /v1/keys`: the keys of the caller, of one agent with `?agent=`, or of all.
pub(crate) async fn list(
    State(signer): State<Signer>,
    visit: Visit,
    uri: Uri,
) -> Result<response::Json<KeyList>, Fault> {
    let wanted = agent_of(uri.query().unwrap_or_default())?;
    let own = visit.caller().id();
    let foreign = wanted.as_deref().is_some_and(|agent| agent != own);
    let level = if foreign { Level::Full } else { KEYS_LIST.level };
    let asked = Asked { operation: KEYS_LIST.id, words: KEYS_LIST.words, sentence_follows: false };
    signer.decide(&visit, Need::own(&KEYS_LIST).at(level), asked, ()).await?;
    let everyone = visit.caller().grants().level(Area::Admin) == Level::Full;
    let agent = wanted.or_else(|| (!everyone).then(|| own.to_owned()));
    let rows = signer.state().keys(agent.clone()).await.map_err(|error| unread(&error))?;
    let keys = list::infos(visit.policy(), rows, agent.as_deref(), now());
    Ok(response::Json(KeyList { keys }))
}

fn agent_of(text: &str) -> Result<Option<String>, Fault> {
    let mut agent = None;
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        match name.as_ref() {
            "agent" => agent = Some(value.into_owned()),
            _ => return Err(query::unknown(&name, &["agent"])),
        }
    }
    Ok(agent)
}

fn unread(error: &StateError) -> Fault {
    tracing::error!(%error, "keys cannot be read");
    Fault::new(ProblemKind::Unavailable, "Keys cannot be looked up right now; try again later.")
}

/// `POST /v1/keys`: another key, of the caller's own agent or of the one that is named.
pub(crate) async fn issue(
    State(signer): State<Signer>,
    visit: Visit,
    OptionalJson(asked): OptionalJson<IssueKeyRequest>,
) -> Result<(StatusCode, response::Json<NewKey>), Fault> {
    let wanted = asked.agent.as_deref().unwrap_or(visit.caller().id());
    let foreign = wanted != visit.caller().id();
    let endless = asked.expires_in == KeyLife::Never;
    let own = own_key(visit.caller());
    // A key that outlives what it was asked for with is another way in, and not a rotation.
    let level = if foreign || endless || own.is_none() { Level::Full } else { KEY_ISSUE.level };
    let words = match (foreign, endless) {
        (true, _) => "issue a key of another agent",
        (false, true) => "issue a key of its own without an end",
        (false, false) => "issue a key of its own",
    };
    let asked_for = Asked { operation: KEY_ISSUE.id, words, sentence_follows: true };
    let allowed = signer.decide(&visit, Need::own(&KEY_ISSUE).at(level), asked_for, ()).await?;
    let plan = match visit.policy().agent(wanted) {
        Some(agent) => {
            let issuer = match own {
                Some((_, held)) if visit.caller().grants().level(Area::Admin) < Level::Full => Issuer::Key(held),
                Some(_) | None => Issuer::Anyone,
            };
            make::issue(agent, &asked, &issuer, now())
        }
        None => Err(Fault::new(ProblemKind::NotFound, "The policy has no such agent; write it there first.")),
    };
    make(&signer, &visit, asked_for, allowed.decision(), plan).await
}

/// `POST /v1/keys/self/derive`: a narrower key, good for as long as the one at hand is at most.
pub(crate) async fn derive(
    State(signer): State<Signer>,
    visit: Visit,
    Json(asked): Json<DeriveKeyRequest>,
) -> Result<(StatusCode, response::Json<NewKey>), Fault> {
    let asked_for = Asked { operation: KEY_DERIVE.id, words: KEY_DERIVE.words, sentence_follows: true };
    let allowed = signer.decide(&visit, Need::own(&KEY_DERIVE), asked_for, ()).await?;
    let plan = match own_key(visit.caller()) {
        Some((agent, held)) => {
            let rate = DERIVING.parse().map_err(|_| Fault::new(ProblemKind::Internal, "A rate cannot be read."))?;
            let in_time =
                limits::rate(&**signer.state(), format!("derive:{}", agent.id), rate, "this agent for new keys").await;
            in_time.and_then(|()| make::derive(agent, held, &asked, now()))
        }
        None => {
            let sentence = "You came with a token, and keys are derived from keys; \
                call with an agent key, or ask your identity provider for a narrower token.";
            Err(Fault::new(ProblemKind::Forbidden, sentence))
        }
    };
    make(&signer, &visit, asked_for, allowed.decision(), plan).await
}

fn own_key(caller: &Caller) -> Option<(&Arc<Agent>, &HeldKey)> {
    match caller {
        Caller::Agent { agent, proof: Proof::Key(held), .. } => Some((agent, held)),
        Caller::Agent { .. } | Caller::Visitor { .. } => None,
    }
}

/// Makes the key that was planned, once that is recorded; or records why there is no plan.
async fn make(
    signer: &Signer,
    visit: &Visit,
    asked: Asked<'_>,
    decision: &Decision,
    plan: Result<Plan, Fault>,
) -> Result<(StatusCode, response::Json<NewKey>), Fault> {
    let record = |text| visit.record(Phase::Decision, asked.operation, Some(decision), text);
    let Plan { key, row, words } = match plan {
        Ok(plan) => plan,
        Err(fault) => {
            let text = sentence::wish_refused(visit.caller(), asked.words, fault.detail());
            let missing = fault.missing_grant().map(str::to_owned);
            signer.record(Record { verdict: Some(Verdict::Deny), missing, ..record(text) }).await?;
            return Err(fault);
        }
    };
    signer.record(record(sentence::decided(visit.caller(), &words, decision))).await?;
    let asked = Asked { words: &words, ..asked };
    match signer.state().add_key(row.clone()).await {
        Ok(true) => {}
        Ok(false) => {
            let fault = Fault::new(ProblemKind::Unavailable, "The new key's id was taken already; try again.");
            return Err(signer.came_to_nothing(visit, asked, fault).await?);
        }
        Err(error) => return Err(signer.came_to_nothing(visit, asked, unkept(&error)).await?),
    }
    done(signer, visit, asked).await?;
    let new = NewKey { key: key.expose().to_owned(), info: list::info(key.key_id(), &row, None) };
    Ok((StatusCode::CREATED, response::Json(new)))
}

fn unkept(error: &StateError) -> Fault {
    tracing::error!(%error, "keys cannot be written");
    Fault::new(ProblemKind::Unavailable, "Keys cannot be written right now, so nothing was done; try again later.")
}

async fn done(signer: &Signer, visit: &Visit, asked: Asked<'_>) -> Result<(), Fault> {
    let text = sentence::done(visit.caller(), asked.words);
    signer.record(visit.record(Phase::Outcome, asked.operation, None, text)).await
}

/// `POST /v1/keys/{key_id}/revoke`: ends a key, and with it all that were derived from it. One's own key and its
/// children need no more than to see them.
pub(crate) async fn revoke_one(
    State(signer): State<Signer>,
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
) -> Result<response::Json<KeyInfo>, Fault> {
    let asked = |words| Asked { operation: KEY_REVOKE.id, words, sentence_follows: false };
    let id = id.ok().and_then(|Path(id)| KeyId::parse(&id).ok()).ok_or_else(|| {
        Fault::new(ProblemKind::BadRequest, "A key's id has 10 letters and digits, as GET /v1/keys shows it.")
    })?;
    let state = &**signer.state();
    let own = own_key(visit.caller()).and_then(|(agent, held)| Known::at_hand(agent, held));
    let at_hand = visit.caller().held_key().is_some_and(|held| held.goes_by(id.as_str()));
    let known = match own.filter(|_| at_hand) {
        Some(own) => Some(own),
        None => Known::find(state, visit.policy(), &id).await.map_err(|error| unread(&error))?,
    };
    let below = is_below(&signer, visit.caller(), &id).await.map_err(|error| unread(&error))?;
    let level = match &known {
        Some(_) if below => Level::Read,
        Some(known) if known.agent == visit.caller().id() => KEY_REVOKE.level,
        // Whether there is such a key of somebody else's is told to those who may end it.
        Some(_) | None => Level::Full,
    };
    let name = known.as_ref().and_then(|known| visit.policy().agent(&known.agent)).map(|agent| &agent.name);
    let may_know = visit.caller().grants().level(Area::Admin) >= level;
    let of = name.filter(|_| may_know).map(|name| format!(" of {name}")).unwrap_or_default();
    let id = known.as_ref().map_or(id, |known| known.id.clone());
    let words = format!("revoke key {id}{of}");
    signer.decide(&visit, Need::own(&KEY_REVOKE).at(level), asked(&words), ()).await?;
    let Some(known) = known else {
        let sentence = "There is no key with this id; GET /v1/keys lists those that there are.";
        return Err(signer.came_to_nothing(&visit, asked(&words), Fault::new(ProblemKind::NotFound, sentence)).await?);
    };
    if let Err(error) = revoke(state, &known).await {
        return Err(signer.came_to_nothing(&visit, asked(&words), unkept(&error)).await?);
    }
    signer.standing().forget(&known);
    done(&signer, &visit, asked(&words)).await?;
    let rows = state.keys(Some(known.agent.clone())).await.map_err(|error| unread(&error))?;
    let told = list::infos(visit.policy(), rows, Some(&known.agent), now()).into_iter().find(|info| info.id == id);
    told.map(response::Json).ok_or_else(|| Fault::new(ProblemKind::NotFound, "The key is gone altogether."))
}

/// Is it the key that the caller came with, or was it derived from that?
async fn is_below(signer: &Signer, caller: &Caller, id: &KeyId) -> Result<bool, StateError> {
    let Some((_, held)) = own_key(caller) else { return Ok(false) };
    if held.goes_by(id.as_str()) {
        return Ok(true);
    }
    let Some(row) = signer.state().key(id.to_string()).await? else { return Ok(false) };
    let line = line_of(&**signer.state(), &signer.policy(), row).await?;
    Ok(line.iter().any(|row| row.parent.as_deref().is_some_and(|parent| held.goes_by(parent))))
}
