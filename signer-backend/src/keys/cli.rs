//! `updock-signer keys ...`: makes, lists and ends agent keys, whether the signer runs or not.
//!
//! Invariant: what is made or ended in the state was recorded in the audit log before. A key is shown once.

use super::list;
use super::make::{self, Issuer, Plan};
use super::standing::{Known, judge, line_of, of_policy, revoke};
use crate::audit::command::{asked, recorded};
use crate::cli::PolicyFile;
use crate::init::Grant;
use crate::key::AgentKey;
use crate::log::Record;
use crate::own::{KEY_DERIVE, KEY_ISSUE, KEY_REVOKE};
use crate::policy::{Agent, Place, ReadPolicy, Secrets, Signs, agent_id};
use crate::sentence::quoted;
use crate::state::{self, KeyRow, State, StateError, now};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;
use updock_types::signer::{
    DeriveKeyRequest, DerivedGrants, IssueKeyRequest, KeyId, KeyInfo, KeyLife, KeyOrigin, KeyStatus, NewKey,
};

/// What to do.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Makes a key, shows it once, and prints the line for the policy file; asks and changes nothing else
    New {
        /// The agent's id in the policy file
        #[arg(long, value_name = "NAME")]
        agent: String,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Makes a key that is kept beside the policy, and shows it once: good at once, for 90 days
    Issue {
        /// The agent's id in the policy file
        #[arg(long, value_name = "NAME")]
        agent: String,
        /// How it is made
        #[command(flatten)]
        new: NewOne,
    },
    /// Makes a narrower key of another: never more than that may, never for longer, and gone when it is
    Derive {
        /// The id of the key to derive from, as lists show it
        #[arg(value_parser = KeyId::parse)]
        parent: KeyId,
        /// A level in an area, like files=read; may be given several times, and what is not given is off
        #[arg(long, value_name = "AREA=LEVEL", value_parser = Grant::parse, required_unless_present = "all_grants")]
        grant: Vec<Grant>,
        /// All that a derived key can have of its parent's grants
        #[arg(long, conflicts_with = "grant")]
        all_grants: bool,
        /// Of that, only this operation or area; may be given several times
        #[arg(long, value_name = "OPERATION")]
        only: Vec<String>,
        /// How often it may call, like "1/s burst 5"
        #[arg(long)]
        rate: Option<String>,
        /// How it is made
        #[command(flatten)]
        new: NewOne,
    },
    /// Lists keys: those of the policy, and those beside it
    List {
        /// Of this agent only
        #[arg(long, value_name = "NAME")]
        agent: Option<String>,
        /// Prints JSON, a line for each key
        #[arg(long)]
        json: bool,
    },
    /// Ends a key at once, for every instance, with all that were derived from it; a running signer notices within a second
    Revoke {
        /// The key's id, as lists and logs show it
        #[arg(value_parser = KeyId::parse)]
        id: KeyId,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
}

/// How a key is made.
#[derive(Args)]
pub struct NewOne {
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// How long it lives, like 12h or 90d, or never; 90d if not said, and never longer than the key it is derived from
    #[arg(long, value_name = "TIME", value_parser = life)]
    expires: Option<KeyLife>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

fn life(text: &str) -> Result<KeyLife, String> {
    if text == "never" {
        return Ok(KeyLife::Never);
    }
    let seconds = crate::policy::seconds(text);
    seconds.map(KeyLife::Seconds).map_err(|expected| format!("{expected}; or never"))
}

/// Runs a command.
pub async fn run(command: &KeysCommand, file: &PolicyFile, out: &mut (dyn Write + Send)) -> Result<(), String> {
    let text = match command {
        KeysCommand::New { agent, json } => {
            let agent = agent_id(agent).map_err(|expected| format!("--agent: {expected}"))?;
            new(&agent, *json)
        }
        KeysCommand::Issue { agent, new } => {
            let house = House::open(file).await?;
            let agent = house.agent(agent)?;
            let asked =
                IssueKeyRequest { agent: None, label: new.label.clone(), expires_in: new.expires.unwrap_or_default() };
            let plan = make::issue(agent, &asked, &Issuer::Anyone, now()).map_err(|fault| fault.detail().to_owned())?;
            house.make(KEY_ISSUE.id, agent, plan, new.json).await?
        }
        KeysCommand::Derive { parent, grant, all_grants: _, only, rate, new } => {
            let house = House::open(file).await?;
            let (agent, held) = house.held(parent).await?;
            let levels = || grant.iter().map(|grant| (grant.area(), grant.level())).collect();
            let asked = DeriveKeyRequest {
                grants: if grant.is_empty() { DerivedGrants::All } else { DerivedGrants::Levels(levels()) },
                only: Some(only.clone()).filter(|only| !only.is_empty()),
                rate: rate.clone(),
                label: new.label.clone(),
                expires_in: new.expires,
            };
            let plan = make::derive(&agent, &held, &asked, now()).map_err(|fault| fault.detail().to_owned())?;
            house.make(KEY_DERIVE.id, &agent, plan, new.json).await?
        }
        KeysCommand::List { agent, json } => {
            let house = House::kept(file).await?;
            if let Some(agent) = agent {
                house.agent(agent)?;
            }
            let rows = house.rows(agent.as_deref()).await?;
            let infos = list::infos(&house.policy, rows, agent.as_deref(), now());
            let lines: Vec<String> = if *json {
                infos.iter().map(|info| format!("{}\n", json!(info))).collect()
            } else {
                infos.iter().map(line).collect()
            };
            lines.concat()
        }
        KeysCommand::Revoke { id, json } => House::open(file).await?.revoke(id, *json).await?,
    };
    out.write_all(text.as_bytes()).map_err(|error| format!("standard output cannot be written: {error}"))
}

fn kept(error: &StateError) -> String {
    format!("the state cannot be used: {error}")
}

/// A policy and its state.
struct House {
    policy: ReadPolicy,
    state: Arc<dyn State>,
}

impl House {
    /// For whoever changes something, which is recorded.
    async fn open(file: &PolicyFile) -> Result<Self, String> {
        let policy = file.look(Secrets::Signing(Signs::Checkpoints))?;
        if policy.keeping.place == Place::Memory {
            return Err("this policy keeps its state in memory, where only the running signer sees it; ask that over HTTP, at /v1/keys".to_owned());
        }
        let state = state::open(&policy.keeping.place).await.map_err(|error| kept(&error))?;
        Ok(Self { policy, state })
    }

    /// The same for whoever only reads: no state is made.
    async fn kept(file: &PolicyFile) -> Result<Self, String> {
        let policy = file.look(Secrets::State)?;
        let state = state::open_kept(&policy.keeping.place).await.map_err(|error| kept(&error))?;
        Ok(Self { policy, state })
    }

    fn agent(&self, id: &str) -> Result<&Arc<Agent>, String> {
        self.policy.agent(id).ok_or_else(|| format!("the policy has no agent {id}; write it there first"))
    }

    async fn rows(&self, agent: Option<&str>) -> Result<Vec<KeyRow>, String> {
        self.state.keys(agent.map(str::to_owned)).await.map_err(|error| kept(&error))
    }

    /// That there is no key with this id. It may be the public part of one of the policy file all the same.
    fn nobody(&self, id: &KeyId) -> String {
        let mut stored = self.policy.agents.iter().flat_map(|agent| &agent.keys);
        let hint = if stored.any(|stored| stored.lasting.is_none()) {
            "; a key of the policy file that stands there without its id has one made of its digest"
        } else {
            ""
        };
        format!("there is no key {id}; `updock-signer keys list` shows those that there are{hint}")
    }

    /// The key with this id, if it is good.
    async fn held(&self, id: &KeyId) -> Result<(Arc<Agent>, super::HeldKey), String> {
        let held = if let Some((agent, stored)) = self.policy.stored(id) {
            let rows: Vec<_> = self.rows(Some(&agent.id)).await?.into_iter().map(Arc::new).collect();
            of_policy(agent, stored, &list::Rows::new(&rows).about(stored), now()).map(|held| (Arc::clone(agent), held))
        } else {
            let row = self.state.key(id.to_string()).await.map_err(|error| kept(&error))?;
            let row = row.ok_or_else(|| self.nobody(id))?;
            let line = line_of(&*self.state, &self.policy, row).await.map_err(|error| kept(&error))?;
            judge(&self.policy, &line, now())
        };
        held.map_err(|ended| format!("key {id} is {}, and nothing can be derived from it", word(ended.status())))
    }

    /// Records a sentence, and then acts.
    async fn recorded<T: Sync>(
        &self,
        record: Record,
        act: impl Future<Output = Result<T, String>> + Send,
    ) -> Result<T, String> {
        let asked = record.text.clone();
        let ended = |done: &Result<T, String>| match done {
            Ok(_) => format!("{asked} It is done."),
            Err(why) => format!("{asked} It came to nothing: {why}."),
        };
        recorded(&self.policy, &self.state, record, act, ended).await
    }

    async fn make(&self, operation: &'static str, agent: &Agent, plan: Plan, json: bool) -> Result<String, String> {
        let Plan { key, row, words } = plan;
        let record = Record {
            key_id: Some(key.id().to_owned()),
            parent_key: row.parent.clone(),
            ..asked(&self.policy, operation, &words)
        };
        let add = async {
            let free = self.state.add_key(row.clone()).await.map_err(|error| kept(&error))?;
            if free { Ok(()) } else { Err("the new key's id was taken already; try again".to_owned()) }
        };
        self.recorded(record, add).await?;
        let info = list::info(key.key_id(), &row, None);
        if json {
            return Ok(format!("{}\n", json!(NewKey { key: key.expose().to_owned(), info })));
        }
        Ok(format!("{}\n\nThis key is shown once; give it to {}. {}", key.expose(), agent.name, line(&info)))
    }

    async fn revoke(&self, id: &KeyId, json: bool) -> Result<String, String> {
        let known = Known::find(&*self.state, &self.policy, id).await.map_err(|error| kept(&error))?;
        let known = known.ok_or_else(|| self.nobody(id))?;
        let id = &known.id;
        let name = self.policy.agent(&known.agent).map_or(known.agent.as_str(), |agent| &agent.name);
        let row = self.state.key(id.to_string()).await.map_err(|error| kept(&error))?;
        let before = row.is_some_and(|row| row.revoked_at.is_some());
        if !before {
            let record = Record {
                key_id: Some(id.to_string()),
                ..asked(&self.policy, KEY_REVOKE.id, &format!("revoke key {id} of {name}"))
            };
            self.recorded(record, async { revoke(&*self.state, &known).await.map_err(|error| kept(&error)) }).await?;
        }
        if json {
            let rows = self.rows(Some(&known.agent)).await?;
            let infos = list::infos(&self.policy, rows, Some(&known.agent), now());
            let info = infos.into_iter().find(|info| info.id == *id);
            return Ok(format!("{}\n", json!(info)));
        }
        let revoked = if before { "was revoked already" } else { "is revoked" };
        let still_written = self.policy.stored(id).is_some();
        let hint = if still_written {
            format!(" Its line still stands in the policy file, below [agents.{}]; take it out.", known.agent)
        } else {
            String::new()
        };
        Ok(format!("Key {id} of {name} {revoked}.{hint}\n"))
    }
}

fn word(status: KeyStatus) -> &'static str {
    match status {
        KeyStatus::Good => "good",
        KeyStatus::Expired => "expired",
        KeyStatus::Revoked => "revoked",
        KeyStatus::Orphaned => "orphaned",
    }
}

/// `8Kq2mZ7Rb1  media  good  issued, until 2027-02-26 10:00 UTC, called "ci"`.
fn line(info: &KeyInfo) -> String {
    let mut told = match (info.origin, &info.parent) {
        (KeyOrigin::Policy, _) => "in the policy".to_owned(),
        (KeyOrigin::Issued, _) => "issued".to_owned(),
        (KeyOrigin::Derived, None) => "derived".to_owned(),
        (KeyOrigin::Derived, Some(parent)) => format!("derived from {parent}"),
    };
    if info.origin == KeyOrigin::Derived {
        told += &make::told(info.grants.as_ref(), info.only.as_deref(), info.rate.as_deref());
    }
    let end = match info.expires_at.and_then(|end| jiff::Timestamp::from_second(end).ok()) {
        Some(end) => format!("until {}", end.strftime("%Y-%m-%d %H:%M UTC")),
        None => "without an end".to_owned(),
    };
    let called = info.label.as_ref().map(|label| format!(", called {}", quoted(label))).unwrap_or_default();
    format!("{}  {}  {}  {told}, {end}{called}\n", info.id, info.agent, word(info.status))
}

fn new(agent: &str, json: bool) -> String {
    let key = AgentKey::generate();
    if json {
        let digest = key.digest().to_string();
        let told: Value = json!({ "agent": agent, "key": key.expose(), "id": key.id(), "sha256": digest });
        return format!("{told}\n");
    }
    format!(
        "{}\n\nThis key is shown once; give it to the agent {agent}. For the policy file, below [agents.{agent}]:\n\n\
         keys = [{{ id = \"{}\", sha256 = \"{}\" }}]\n",
        key.expose(),
        key.id(),
        key.digest()
    )
}
