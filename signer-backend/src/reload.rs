//! The policy file while the signer runs: read again when it changes or when somebody asks (SIGHUP), taken as a whole
//! or not at all.
//!
//! A change is seen by the contents, looked at a few times a second: that holds wherever the file lies, also where a
//! whole folder is replaced by a link. It is taken once it has stood still for a look, so that a file which is being
//! written is not read by half. A policy that is not good leaves the old one as it is, and says so.

use crate::Signer;
use crate::log::Record;
use crate::policy::{Policy, others_may_write};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

const LOOK: Duration = Duration::from_millis(250);

/// The policy file of a running signer.
pub struct Reload {
    file: PathBuf,
    listen: Option<SocketAddr>,
    /// Where the policy that was loaded first says to listen: the port may have been any.
    written: SocketAddr,
    /// What it was when it was last read; `None`: something else by now.
    taken: Option<[u8; 32]>,
}

impl Reload {
    /// Of the file that `policy` was just loaded from. `listen` is what the command line says about where to listen.
    pub fn of(file: &Path, listen: Option<SocketAddr>, policy: &Policy) -> Self {
        let taken = contents(file, &policy.files);
        // It may have changed since it was loaded.
        let same = std::fs::read_to_string(file).is_ok_and(|text| policy.is_of(&text));
        Self { file: file.to_owned(), listen, written: policy.listen, taken: same.then_some(taken) }
    }

    /// Watches the file, for ever. Each message in `asked` has it read at once.
    pub async fn watch(mut self, signer: Signer, mut asked: mpsc::Receiver<()>) {
        let mut before = self.taken;
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let on_request = tokio::select! {
                _ = looks.tick() => false,
                more = asked.recv() => if more.is_some() { true } else { return std::future::pending().await },
            };
            let now = Some(contents(&self.file, &signer.policy().files));
            if on_request || (now != self.taken && now == before) {
                self.read(&signer).await;
                self.taken = now;
            }
            before = now;
        }
    }

    async fn read(&self, signer: &Signer) {
        let digest = || signer.policy().digest.as_deref().unwrap_or("unknown").to_owned();
        let old = digest();
        let told = match self.load(signer) {
            Ok(warnings) => {
                let new = digest();
                for warning in warnings {
                    tracing::warn!("{}: {warning}", self.file.display());
                }
                signer.metrics().policy_read("taken");
                if old == new {
                    format!("The policy was read again and is the same (policy {new}).")
                } else {
                    format!("The policy was replaced (policy {new}, before it {old}).")
                }
            }
            Err(why) => {
                signer.metrics().policy_read("refused");
                tracing::error!("{}: {why}; the policy before it stays", self.file.display());
                format!("A new policy was not taken: {why}. The one before it stays (policy {old}).")
            }
        };
        if signer.log().record(Record::event(told)).await.is_err() {
            tracing::error!("a change of the policy cannot be recorded");
        }
    }

    fn load(&self, signer: &Signer) -> Result<Vec<String>, String> {
        let mut policy = Policy::load(&self.file, self.listen).map_err(|error| error.to_string())?;
        if policy.listen == self.written {
            policy.listen = signer.policy().listen;
        }
        let warnings = policy.warnings.iter().map(ToString::to_string).collect();
        signer.replace(policy).map_err(|error| error.to_string())?;
        Ok(warnings)
    }
}

/// A digest of what is in these files, and of whether others can change them: with another mode they are read anew.
fn contents(policy: &Path, others: &[PathBuf]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for path in std::iter::once(policy).chain(others.iter().map(PathBuf::as_path)) {
        let open = std::fs::metadata(path).is_ok_and(|metadata| others_may_write(&metadata).is_some());
        digest.update([u8::from(open)]);
        match std::fs::read(path) {
            Ok(bytes) => digest.update(Sha256::digest(bytes)),
            Err(error) => digest.update(format!("{:?}", error.kind())),
        }
    }
    digest.finalize().into()
}
