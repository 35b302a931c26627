//! What all commands have in common: where the policy file is.

use crate::policy::{Policy, PolicyError, ReadPolicy, Secrets};
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The policy file when nobody names one: in the folder where the command is run.
pub const DEFAULT_POLICY: &str = "updock-signer.toml";

/// Which policy file.
#[derive(Debug, Args)]
pub struct PolicyFile {
    /// The policy file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_POLICY, global = true)]
    config: PathBuf,
}

impl PolicyFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.config
    }

    /// Reads and checks it, with all secrets that it points to; the error is a sentence that names the file.
    pub fn load(&self, listen: Option<SocketAddr>) -> Result<Policy, String> {
        self.read(|path| Policy::load(path, listen))
    }

    /// The same to ask it something, with no more secrets than that takes.
    pub fn look(&self, secrets: Secrets) -> Result<ReadPolicy, String> {
        self.read(|path| Policy::look(path, secrets))
    }

    fn read<T>(&self, load: impl FnOnce(&Path) -> Result<T, PolicyError>) -> Result<T, String> {
        let shown = self.config.display();
        if !self.config.exists() {
            return Err(format!(
                "there is no policy at {shown}; write a first one with `updock-signer init`, or name another with --config"
            ));
        }
        load(&self.config).map_err(|error| format!("{shown}: {error}"))
    }
}
