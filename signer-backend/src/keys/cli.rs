//! `updock-signer keys ...`: makes, lists and revokes agent keys.

use crate::cli::PolicyFile;
use crate::key::AgentKey;
use crate::keys::standing::revoke;
use crate::state;
use clap::Subcommand;
use serde_json::{Value, json};
use std::io::Write;

/// What to do.
#[derive(Subcommand)]
pub enum KeysCommand {
    /// Makes a key, shows it once, and prints the line for the policy file.
    New {
        /// The agent's id in the policy file.
        #[arg(long, value_name = "NAME")]
        agent: String,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Lists the keys of the policy that name their id, and whether they are revoked.
    List {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ends a key at once, for every instance; a running signer notices within a second.
    Revoke {
        /// The policy file.
        #[command(flatten)]
        file: PolicyFile,
        /// The public part of the key, as logs show it.
        id: String,
    },
}

/// Runs a command.
pub async fn run(command: &KeysCommand, out: &mut (dyn Write + Send)) -> Result<(), String> {
    let kept = |error: state::StateError| format!("the state cannot be used: {error}");
    let text = match command {
        KeysCommand::New { agent, json } => new(agent, *json),
        KeysCommand::List { file, json } => {
            let policy = file.load(None)?;
            let state = state::open(&policy.keeping.place).await.map_err(kept)?;
            let mut lines = Vec::new();
            for agent in &policy.agents {
                for id in agent.keys.iter().filter_map(|key| key.id.as_ref()) {
                    let row = state.key(id.clone()).await.map_err(kept)?;
                    let revoked = row.is_some_and(|row| row.revoked_at.is_some());
                    let line: Value = json!({ "id": id, "agent": agent.id, "revoked": revoked });
                    let word = if revoked { "revoked" } else { "good" };
                    lines.push(if *json { format!("{line}\n") } else { format!("{id}  {}  {word}\n", agent.id) });
                }
            }
            lines.concat()
        }
        KeysCommand::Revoke { file, id } => {
            let policy = file.load(None)?;
            let found = policy.agents.iter().find_map(|agent| {
                let key = agent.keys.iter().find(|key| key.id.as_deref() == Some(id))?;
                Some((agent, key.digest.to_string()))
            });
            let (agent, sha256) =
                found.ok_or_else(|| format!("no key in the policy has the id {id}; `keys list` shows them"))?;
            let state = state::open(&policy.keeping.place).await.map_err(kept)?;
            let new = revoke(&*state, id, agent, &sha256).await.map_err(kept)?;
            let word = if new { "is revoked" } else { "was revoked already" };
            format!("Key {id} of {} {word}.\n", agent.name)
        }
    };
    out.write_all(text.as_bytes()).map_err(|error| format!("standard output cannot be written: {error}"))
}

fn new(agent: &str, json: bool) -> String {
    let key = AgentKey::generate();
    if json {
        let digest = key.digest().to_string();
        return format!("{}\n", json!({ "agent": agent, "key": key.expose(), "id": key.id(), "sha256": digest }));
    }
    format!(
        "{}\n\nThis key is shown once; give it to the agent {agent}. For the policy file, below [agents.{agent}]:\n\n\
         keys = [{{ id = \"{}\", sha256 = \"{}\" }}]\n",
        key.expose(),
        key.id(),
        key.digest()
    )
}
