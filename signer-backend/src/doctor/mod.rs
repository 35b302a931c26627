//! `updock-signer doctor`: is everything outside the policy as the policy needs it, and what can no policy deny?
//!
//! It asks Uploadcare and changes nothing there: the question whether uploads need a credential is a group of no files,
//! which comes to nothing either way. The state is looked at only if it is there already.

mod finding;
mod modes;
mod outside;
mod signing;
mod unfinished;

pub use finding::{Finding, Health, State};

use crate::cli::PolicyFile;
use crate::policy::{Place, Policy};
use crate::state;
use clap::Args;
use std::io::Write;
use std::sync::Arc;
use updock_client::Base;

/// How to look.
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with 0 if all is good, with 1 if something is wrong, with 3 if something should be looked at or could not be found
out. Notes say what nobody can change.")]
pub struct Doctor {
    /// The policy file.
    #[command(flatten)]
    file: PolicyFile,
    /// Where the Upload API is, if neither at Uploadcare nor beside the REST API.
    #[arg(long, value_name = "URL", value_parser = Base::parse)]
    upload_base_url: Option<Base>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What the signer keeps, as far as it can be looked at.
enum Kept {
    /// Nothing was kept yet.
    Nothing,
    /// Here it is.
    There(Arc<dyn state::State>),
    /// There may be something, and it does not answer.
    Unreachable,
}

impl Doctor {
    /// Looks at everything, and tells it to `out`.
    pub async fn run(&self, out: &mut (dyn Write + Send)) -> Result<Health, String> {
        let findings = match self.file.load(None) {
            Ok(policy) => self.examine(&policy).await,
            Err(sentence) => {
                let mut findings = vec![Finding::new("policy", State::Wrong, sentence)];
                modes::of_policy(self.file.path(), &mut findings);
                findings
            }
        };
        let health = Health::of(&findings);
        let text = if self.json {
            serde_json::json!({ "health": health, "findings": findings }).to_string() + "\n"
        } else {
            findings.iter().map(ToString::to_string).collect()
        };
        out.write_all(text.as_bytes()).map_err(|error| format!("standard output cannot be written: {error}"))?;
        Ok(health)
    }

    async fn examine(&self, policy: &Policy) -> Vec<Finding> {
        let mut findings = vec![Finding::new(
            "policy",
            State::Good,
            format!("{} is good: {} may call with a key.", self.file.path().display(), agents(policy.agents.len())),
        )];
        modes::examine(self.file.path(), policy, &mut findings);
        signing::examine(policy, &mut findings);
        let kept = match &policy.keeping.place {
            Place::Sqlite(path) if !path.exists() => {
                let sentence = "There is no state yet; it is made when the signer starts.";
                findings.push(Finding::new("state", State::Note, sentence));
                Kept::Nothing
            }
            place => match state::open(place).await {
                Ok(state) => {
                    findings.push(Finding::new(
                        "state",
                        State::Good,
                        format!("The state in {} answers.", state.name()),
                    ));
                    Kept::There(state)
                }
                Err(error) => {
                    findings.push(Finding::new("state", State::Wrong, format!("The state cannot be opened: {error}.")));
                    Kept::Unreachable
                }
            },
        };
        let upload = self.upload_base_url.clone().unwrap_or_else(|| upload_base(policy));
        outside::examine(policy, upload, &kept, &mut findings).await;
        if let Kept::There(state) = kept {
            unfinished::examine(state, &mut findings).await;
        }
        findings
    }
}

fn agents(count: usize) -> String {
    if count == 1 { "1 agent".to_owned() } else { format!("{count} agents") }
}

/// A stand-in serves everything at one address.
fn upload_base(policy: &Policy) -> Base {
    if policy.rest == Base::uploadcare_rest() { Base::uploadcare_upload() } else { policy.rest.clone() }
}
