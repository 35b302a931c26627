//! `updock-signer policy ...`: asks a policy file without starting anything.

use super::cases::Cases;
use super::simulate::Simulation;
use super::{Origin, Policy, PolicyError, Question, ReadPolicy, Secrets, schema, text};
use crate::audit::{Entry, recorded};
use crate::cli::PolicyFile;
use crate::decision::{Readers, Verdict};
use crate::sentence::counted;
use crate::state;
use clap::Subcommand;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use updock_types::{Area, Level};

/// What to ask.
#[derive(Subcommand)]
pub enum PolicyCommand {
    /// Says whether the file is good, what it allows, and what is worth a second look
    Check {
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Says whether somebody may do something, and which line says so
    Explain {
        /// The agent's id, or `visitor`
        caller: String,
        /// The operation, like files.delete
        operation: String,
        /// How many files the request names
        #[arg(long)]
        count: Option<usize>,
        /// Where it sends something: a webhook's address, a storage's name
        #[arg(long)]
        to: Option<String>,
        /// What it makes there is for everybody to read
        #[arg(long)]
        public: bool,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Holds the policy against a file of expected verdicts
    Test {
        /// TOML with `[[case]]`: caller, operation, expect
        cases: PathBuf,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Says what another policy would have decided otherwise of what was recorded
    Simulate {
        /// The other policy
        #[arg(long, value_name = "FILE")]
        with: PathBuf,
        /// Only what was recorded since, like 7d
        #[arg(long, default_value = "7d")]
        since: String,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Prints the JSON Schema of the policy file, for editors
    Schema,
}

/// Runs a command. `Ok(false)`: it was done, and its answer is no.
pub async fn run(command: &PolicyCommand, file: &PolicyFile, out: &mut (dyn Write + Send)) -> Result<bool, String> {
    let unwritten = |error: std::io::Error| format!("standard output cannot be written: {error}");
    let mut say = |text: String| writeln!(out, "{text}").map_err(unwritten);
    match command {
        PolicyCommand::Check { json: false } => {
            let policy = file.look(Secrets::Unread)?;
            say(summary(file.path(), &policy))?;
            Ok(true)
        }
        PolicyCommand::Check { json: true } => {
            let checked = Policy::look(file.path(), Secrets::Unread);
            say(told(&checked).to_string())?;
            Ok(checked.is_ok())
        }
        PolicyCommand::Explain { caller, operation, count, to, public, json } => {
            let question = Question {
                caller: caller.clone(),
                operation: operation.clone(),
                count: *count,
                to: to.clone(),
                readers: Readers::asked(*public),
            };
            let answer = file.look(Secrets::Unread)?.explain(&question)?;
            if *json {
                say(serde_json::to_string(&answer).map_err(|error| error.to_string())?)?;
            } else {
                let line = answer.line.map(|line| format!(" (line {line})")).unwrap_or_default();
                let rule = answer.rule.as_deref().unwrap_or("nothing is written about it");
                say(format!("{}\nBy: {rule}{line}", answer.sentence))?;
                if let Some(missing) = &answer.missing {
                    say(format!("Missing: {missing}"))?;
                }
                if !answer.limits.is_empty() {
                    say(format!("Counts under: {}", answer.limits.join(", ")))?;
                }
            }
            Ok(answer.verdict == Verdict::Allow.as_str())
        }
        PolicyCommand::Test { cases, json } => {
            let policy = file.look(Secrets::Unread)?;
            let report = Cases::load(cases)?.hold(&policy);
            if *json {
                say(serde_json::to_string(&report).map_err(|error| error.to_string())?)?;
            } else {
                for failure in &report.failures {
                    say(format!("{}:{}", cases.display(), failure.text()))?;
                }
                say(format!("{} cases, {} of them otherwise.", report.cases, report.failures.len()))?;
            }
            Ok(report.failures.is_empty())
        }
        PolicyCommand::Simulate { with, since, json } => {
            let (policy, other) = (file.look(Secrets::State)?, load(with)?);
            let since = text::seconds(since)?;
            let cannot = |error: state::StateError| format!("the audit log cannot be read: {error}");
            let kept = state::open_kept(&policy.keeping.place).await.map_err(cannot)?;
            let from = (state::now() - i64::from(since) * 1000).saturating_mul(1000);
            let mut rows = pin!(recorded(kept, from));
            let mut simulation = Simulation::default();
            while let Some(row) = rows.try_next().await.map_err(cannot)? {
                if let Ok(entry) = serde_json::from_str::<Entry<'_>>(&row.record) {
                    simulation.replay(&entry, &other);
                }
            }
            let simulation = simulation.done();
            if *json {
                say(serde_json::to_string(&simulation).map_err(|error| error.to_string())?)?;
            } else {
                for change in &simulation.changes {
                    let why = change.missing.as_ref().map(|missing| format!(", missing {missing}"));
                    let why =
                        why.or_else(|| change.rule.as_ref().map(|rule| format!(", by {rule}"))).unwrap_or_default();
                    say(format!(
                        "{} {}: {} would be {}, {}{why}",
                        change.caller,
                        change.operation,
                        change.was,
                        change.would_be,
                        counted(change.times, "time")
                    ))?;
                }
                say(format!(
                    "{}, {} would be others, {} cannot be told.",
                    counted(simulation.decisions, "decision"),
                    simulation.changed,
                    simulation.untold
                ))?;
            }
            Ok(true)
        }
        PolicyCommand::Schema => {
            say(serde_json::to_string_pretty(&schema::schema()).map_err(|error| error.to_string())?)?;
            Ok(true)
        }
    }
}

fn load(path: &Path) -> Result<ReadPolicy, String> {
    Policy::look(path, Secrets::Unread).map_err(|error| format!("{}: {error}", path.display()))
}

/// What a policy allows, in sentences.
pub fn summary(file: &Path, policy: &Policy) -> String {
    let mut lines =
        vec![format!("{} is good. Project {}, REST API at {}", file.display(), policy.public_key, policy.rest)];
    if let Some(visitors) = &policy.visitors {
        let origins: Vec<&str> = visitors.origins.iter().map(Origin::as_str).collect();
        lines.push(format!("Visitors from {} may upload.", origins.join(", ")));
    }
    for agent in &policy.agents {
        let grants: Vec<String> = granted(agent).map(|(area, level)| format!("{area}: {level}")).collect();
        let grants = if grants.is_empty() { "nothing".to_owned() } else { grants.join(", ") };
        lines.push(format!("Agent {} ({}) is granted {grants}.", agent.name, agent.id));
    }
    lines.extend(policy.warnings.iter().map(|warning| format!("Look again at {warning}.")));
    lines.join("\n")
}

fn granted(agent: &super::Agent) -> impl Iterator<Item = (Area, Level)> {
    let level = |area: &Area| (*area, agent.grants.level(*area));
    Area::ALL.iter().map(level).filter(|(_, level)| *level > Level::Off)
}

/// The same as JSON, or what is wrong.
fn told(checked: &Result<ReadPolicy, PolicyError>) -> Value {
    let policy = match checked {
        Ok(policy) => policy,
        Err(error) => return json!({ "good": false, "line": error.line(), "error": error.to_string() }),
    };
    let agents: Vec<Value> = policy
        .agents
        .iter()
        .map(|agent| {
            let grants: serde_json::Map<String, Value> =
                granted(agent).map(|(area, level)| (area.to_string(), json!(level))).collect();
            json!({ "id": agent.id, "name": agent.name, "grants": grants })
        })
        .collect();
    let warnings: Vec<Value> =
        policy.warnings.iter().map(|warning| json!({ "line": warning.line, "sentence": warning.sentence })).collect();
    let origins =
        policy.visitors.as_ref().map(|visitors| visitors.origins.iter().map(Origin::as_str).collect::<Vec<_>>());
    json!({
        "good": true,
        "policy": policy.digest,
        "project": policy.public_key,
        "visitors": origins,
        "agents": agents,
        "warnings": warnings,
    })
}
