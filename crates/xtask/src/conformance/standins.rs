//! The stand-ins that an SDK runs against: one for each configuration, fresh, on free ports.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::children::Child;
use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::workspace::Workspace;

/// A configuration that cases ask for by name.
struct Configuration {
    name: &'static str,
    args: &'static [&'static str],
}

const CONFIGURATIONS: &[Configuration] = &[
    // Everything at once, and this machine may be fetched from and delivered to: the suites are here.
    Configuration { name: "open", args: &["--job-time", "0s", "--allow-private-urls"] },
    Configuration {
        name: "signed",
        args: &["--signed-uploads", "required", "--job-time", "0s", "--allow-private-urls"],
    },
    // As much forbidden as the real service forbids.
    Configuration { name: "strict", args: &["--simple-over-http", "off", "--private-webhooks", "off"] },
    Configuration { name: "slow", args: &["--ready-delay", "600ms", "--job-time", "600ms"] },
];

/// Builds the stand-in.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    Run::cargo("building updock-local")
        .args(["build", "--package", "updock-local"])
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .shown()
}

/// They run until they are stopped or dropped.
#[derive(Debug)]
pub(crate) struct Standins(Vec<(&'static str, Child)>);

impl Standins {
    /// Starts one for each configuration; their logs go to `folder`, which is emptied.
    pub(crate) async fn start(workspace: &Workspace, folder: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).doing_at("make", folder)?;
        let binary = workspace.target().join("debug/updock-local");
        let archive = folder.join("archive");
        let mut started = Vec::new();
        for configuration in CONFIGURATIONS {
            let mut args: Vec<String> = ["serve", "--listen", "127.0.0.1:0", "--in-memory"].map(str::to_owned).to_vec();
            args.extend(configuration.args.iter().map(|&arg| arg.to_owned()));
            if configuration.name != "strict" {
                args.push("--remote-storage".into());
                args.push(format!("archive={}", archive.display()));
            }
            let log = folder.join(format!("{}.log", configuration.name));
            let child = Child::start(&binary, &args, &[], &log, |_| ()).await?;
            started.push((configuration.name, child));
        }
        Ok(Self(started))
    }

    /// Each by its name, and where it listens.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, child)| (*name, child.origin()))
    }

    /// Where each listens, as JSON.
    pub(crate) fn addresses(&self) -> String {
        let all: serde_json::Map<_, _> =
            self.0.iter().map(|(name, child)| ((*name).to_owned(), child.origin().into())).collect();
        serde_json::Value::Object(all).to_string()
    }

    /// The operations that one of them was asked for and answered with success.
    pub(crate) fn operations(&self) -> Result<Vec<String>> {
        let mut all = BTreeSet::new();
        for (name, child) in &self.0 {
            let asked = |error: ureq::Error| Error::Check(format!("{name} does not say what it was asked: {error}"));
            let mut answer = ureq::get(format!("{}/_local/requests", child.origin())).call().map_err(asked)?;
            // More requests than the default limit of a body has room for.
            let body = answer.body_mut().with_config().limit(64 << 20).read_to_string().map_err(asked)?;
            let requests: Vec<Arrived> = serde_json::from_str(&body)
                .map_err(|error| Error::Check(format!("what {name} was asked cannot be read: {error}")))?;
            let answered = requests.into_iter().filter(|request| matches!(request.status, Some(200..=299)));
            all.extend(answered.filter_map(|request| request.operation));
        }
        Ok(all.into_iter().collect())
    }

    pub(crate) async fn stop(self) {
        for (_, child) in self.0 {
            child.stop().await;
        }
    }
}

/// What the stand-in tells of a request.
#[derive(Deserialize)]
struct Arrived {
    operation: Option<String>,
    status: Option<u16>,
}
