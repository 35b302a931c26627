//! `updock-signer init`: writes a first policy, which lets in one agent and nobody else.
//!
//! On a terminal it asks for what no flag says; elsewhere it takes the defaults and asks nothing. What is written has
//! passed the same check as any other policy. Invariants: a file that is there stays as it is; the project's secret key
//! is never written; the agent's key is told once, alone on standard output.

mod ask;
mod draft;

pub use draft::Grant;

use crate::cli::PolicyFile;
use crate::key::AgentKey;
use crate::policy::agent_id;
use ask::Questions;
use clap::Args;
use draft::{Draft, SECRET_VARIABLE};
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use updock_client::Base;
use updock_types::PublicKey;

/// What the first policy says.
#[derive(Debug, Args)]
#[command(after_help = "\
The secret key of the project is taken from the variable UPLOADCARE_SECRET_KEY each time the signer starts, or from the
file that --secret-file names; it never stands in the policy.

The agent's key is printed to standard output, everything else to standard error:
  AGENT_KEY=$(updock-signer init --agent media --grant files=read)")]
pub struct Init {
    /// The policy file.
    #[command(flatten)]
    file: PolicyFile,
    /// The project's public key.
    #[arg(long, value_name = "KEY", env = "UPLOADCARE_PUBLIC_KEY")]
    public_key: Option<PublicKey>,
    /// A file that holds the project's secret key, instead of the variable `UPLOADCARE_SECRET_KEY`.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Where the REST API is, if not at Uploadcare: the address of a stand-in.
    #[arg(long, value_name = "URL", env = "UPDOCK_BASE_URL", value_parser = Base::parse)]
    base_url: Option<Base>,
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3001")]
    listen: SocketAddr,
    /// The id of the first agent, a program that gets a key of its own.
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// What the agent is called in the audit log; else its id.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What the agent may do, as area=level; may be given several times. Else it may see the project's name.
    #[arg(long, value_name = "AREA=LEVEL", value_parser = Grant::parse)]
    grant: Vec<Grant>,
    /// The origin of pages whose visitors may upload without a key; may be given several times.
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// Asks nothing, also on a terminal.
    #[arg(long)]
    yes: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Init {
    /// Writes the policy, and tells the agent's key to `out` and everything else to `told`.
    pub fn run(self, out: &mut dyn Write, told: &mut dyn Write) -> Result<(), String> {
        let path = self.file.path().to_owned();
        if path.exists() {
            return Err(is_there(&path));
        }
        let json = self.json;
        let key = AgentKey::generate();
        let draft = if io::stdin().is_terminal() && io::stderr().is_terminal() && !self.yes {
            self.draft(Some(&mut Questions::new(&mut io::stdin().lock(), told)))?
        } else {
            self.draft::<io::Empty>(None)?
        };
        let text = draft.text(&key);
        Draft::check(&text, path.parent().unwrap_or_else(|| Path::new(".")))?;
        write_new(&path, &text)?;
        let unwritten = |error: io::Error| format!("the key cannot be shown: {error}");
        if json {
            let said = serde_json::json!({"policy": path, "agent": draft.agent, "key": key.expose()});
            return writeln!(out, "{said}").map_err(unwritten);
        }
        let shown = path.display();
        writeln!(
            told,
            "Wrote {shown}, for this user only. It allows {}, and nothing else to anybody.\n\
             The key of {}, shown once; only its digest is in the file:",
            draft.allowed(),
            draft.agent
        )
        .map_err(unwritten)?;
        writeln!(out, "{}", key.expose()).map_err(unwritten)?;
        writeln!(told, "Next: updock-signer serve{}", draft::config_flag(&path)).map_err(unwritten)
    }

    fn draft<In: BufRead>(self, mut questions: Option<&mut Questions<'_, In>>) -> Result<Draft, String> {
        let in_environment = std::env::var(SECRET_VARIABLE).is_ok_and(|text| !text.trim().is_empty());
        if self.secret_file.is_none() && !in_environment {
            return Err(format!(
                "{SECRET_VARIABLE} is not set; set it to a secret key of the project (it is on the project's page \
                 of API keys), or name a file with --secret-file"
            ));
        }
        let public_key = match (self.public_key, &mut questions) {
            (Some(key), _) => key,
            (None, Some(questions)) => questions.public_key()?,
            (None, None) => {
                return Err("which project? Set UPLOADCARE_PUBLIC_KEY, or give --public-key; \
                     it is on the project's page of API keys"
                    .to_owned());
            }
        };
        let agent = match (self.agent, &mut questions) {
            (Some(agent), _) => {
                agent_id(&agent).map_err(|expected| format!("nothing was written, because of --agent: {expected}"))?
            }
            (None, Some(questions)) => questions.agent()?,
            (None, None) => draft::AGENT.to_owned(),
        };
        let grants = match (self.grant, &mut questions) {
            (grants, Some(questions)) if grants.is_empty() => questions.grants(&agent)?,
            (grants, _) if grants.is_empty() => vec![Grant::least()],
            (grants, _) => grants,
        };
        let origins = match (self.origin, &mut questions) {
            (origins, Some(questions)) if origins.is_empty() => questions.origins()?,
            (origins, _) => origins,
        };
        let secret_file = self.secret_file.map(std::path::absolute).transpose();
        Ok(Draft {
            public_key,
            secret_file: secret_file.map_err(|error| format!("--secret-file: {error}"))?,
            rest: self.base_url,
            listen: self.listen,
            name: self.name.unwrap_or_else(|| draft::name_of(&agent)),
            agent,
            grants,
            origins,
        })
    }
}

fn is_there(path: &Path) -> String {
    format!(
        "{} is there already, and stays as it is; change it by hand, or name another file with --config",
        path.display()
    )
}

/// Writes a file that was not there, for this user only.
fn write_new(path: &Path, text: &str) -> Result<(), String> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists { is_there(path) } else { cannot(path, &error) }
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a policy is of no use to anybody.
        let _ = fs::remove_file(path);
        cannot(path, &error)
    })
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("{} cannot be written: {error}", path.display())
}
