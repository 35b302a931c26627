//! Signers in front of the stand-ins, one each: what an SDK speaks to that was given another base URL and an agent's key.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::standins::Standins;
use crate::children::Child;
use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::stack::write_policy;
use crate::workspace::Workspace;

/// What the agents of the suites may do.
const AGENTS: &[(&str, &[(&str, &str)])] = &[
    (
        "all",
        &[
            ("files", "full"),
            ("metadata", "full"),
            ("groups", "full"),
            ("conversion", "full"),
            ("addons", "full"),
            ("webhooks", "full"),
            ("project", "full"),
        ],
    ),
    ("reader", &[("files", "read")]),
];

/// Builds the signer.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    Run::cargo("building updock-signer")
        .args(["build", "--package", "updock-signer"])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .shown()
}

/// They run until they are stopped or dropped.
#[derive(Debug)]
pub(crate) struct Signers {
    running: Vec<(&'static str, Child)>,
    keys: BTreeMap<&'static str, String>,
}

impl Signers {
    /// Starts one in front of each stand-in; their policies, states and logs go to `folder`.
    pub(crate) async fn start(workspace: &Workspace, standins: &Standins, folder: &Path) -> Result<Self> {
        let binary = workspace.target().join("debug/updock-signer");
        let (mut keys, mut agents) = (BTreeMap::new(), String::new());
        for (agent, grants) in AGENTS {
            let (key, line) = new_key(&binary, agent)?;
            keys.insert(*agent, key);
            let _ = writeln!(agents, "\n[agents.{agent}]\nname = \"SDK {agent}\"\n{line}");
            for (area, level) in *grants {
                let _ = writeln!(agents, "{area} = \"{level}\"");
            }
        }
        let mut running = Vec::new();
        for (name, origin) in standins.each() {
            let own = folder.join("signers").join(name);
            fs::create_dir_all(&own).doing_at("make", &own)?;
            let policy = own.join("policy.toml");
            let text = format!(
                "version = 1\n\n[project]\npublic_key = \"demopublickey\"\nsecret = {{ env = {SECRET:?} }}\n\n\
                 [upstream]\nrest = \"{origin}/\"\nplain_http = true\n{agents}"
            );
            write_policy(&policy, &text)?;
            let args = ["serve", "--listen", "127.0.0.1:0", "--config"].map(str::to_owned);
            let args: Vec<String> = args.into_iter().chain([policy.display().to_string()]).collect();
            let envs = [(SECRET, "demosecretkey".to_owned())];
            running.push((name, Child::start(&binary, &args, &envs, &own.join("signer.log"), |_| ()).await?));
        }
        Ok(Self { running, keys })
    }

    /// Where each listens, as JSON, by the name of its stand-in.
    pub(crate) fn addresses(&self) -> String {
        let all: serde_json::Map<_, _> =
            self.running.iter().map(|(name, child)| ((*name).to_owned(), child.origin().into())).collect();
        serde_json::Value::Object(all).to_string()
    }

    /// The agents' keys, as JSON.
    pub(crate) fn keys(&self) -> String {
        serde_json::json!(self.keys).to_string()
    }

    pub(crate) async fn stop(self) {
        for (_, child) in self.running {
            child.stop().await;
        }
    }
}

const SECRET: &str = "UPLOADCARE_SECRET_KEY";

/// A key and its line for the policy, as the program prints them for anybody.
fn new_key(binary: &Path, agent: &str) -> Result<(String, String)> {
    let printed = Run::new("updock-signer keys new", binary).args(["keys", "new", "--agent", agent]).output()?;
    let mut lines = printed.lines();
    let key = lines.next().unwrap_or_default().to_owned();
    match lines.find(|line| line.starts_with("keys = ")) {
        Some(line) => Ok((key, line.to_owned())),
        None => Err(Error::Check("updock-signer keys new prints no line for the policy".into())),
    }
}
