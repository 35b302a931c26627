//! How a policy comes from its file, and which of the secrets that it points to come along.
//!
//! Invariant: a [`Policy`] has all of its secrets. One that was read without them is a [`ReadPolicy`], which answers
//! questions and cannot be served: what serves takes a [`Policy`].

use super::{Policy, PolicyError, Sources};
use std::fs::{File, Metadata};
use std::io::Read;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;

/// Which of the secrets that a policy points to are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// None: the question is about what is written.
    Unread,
    /// The address of the state.
    State,
    /// That, and one key that signs.
    Signing(Signs),
    /// All of them, the project's keys and those of webhooks too.
    All,
}

/// What a signing key of the policy signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    /// Ends of the audit log's chains.
    Checkpoints,
    /// Receipts of confirmed uploads.
    Receipts,
}

impl Secrets {
    /// Is the address of the state read?
    pub(super) fn hold_state(self) -> bool {
        self != Self::Unread
    }

    /// Is the key read that signs `what`?
    pub(super) fn hold_key_of(self, what: Signs) -> bool {
        self == Self::All || self == Self::Signing(what)
    }
}

/// A policy to ask. Where its secrets were not read, keys that nobody has stand in their place.
#[derive(Debug)]
pub struct ReadPolicy(Policy);

impl Deref for ReadPolicy {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.0
    }
}

impl From<Policy> for ReadPolicy {
    fn from(policy: Policy) -> Self {
        Self(policy)
    }
}

impl Policy {
    /// Reads and checks a policy file, and the secrets it points to. `listen` counts before what the file says, and
    /// is held to the same rules.
    pub fn load(path: &Path, listen: Option<SocketAddr>) -> Result<Self, PolicyError> {
        Self::load_with(path, listen, Secrets::All)
    }

    /// Reads and checks a policy file to ask it something, with no more secrets than that takes.
    pub fn look(path: &Path, secrets: Secrets) -> Result<ReadPolicy, PolicyError> {
        Self::load_with(path, None, secrets).map(ReadPolicy)
    }

    fn load_with(path: &Path, listen: Option<SocketAddr>, secrets: Secrets) -> Result<Self, PolicyError> {
        let text = text_of(path).map_err(PolicyError::new)?;
        let directory = path.parent().unwrap_or_else(|| Path::new("."));
        Self::read(&text, &Sources { directory, env: &|name| std::env::var(name).ok() }, listen, secrets)
    }
}

/// The mode of a file that its group or everybody may write. Where there are no modes, nobody says so.
///
/// Who owns it may be anybody: whoever deploys is often another user than the service, and `doctor` points that out.
pub(crate) fn others_may_write(metadata: &Metadata) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        (mode & 0o022 != 0).then_some(mode)
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// What is in a policy file, if nobody else on this machine could have written it.
pub(super) fn text_of(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("the file cannot be read: {error}");
    let mut file = File::open(path).map_err(cannot)?;
    let shown = path.display();
    // Of the file that was opened, whatever stands at its path by now.
    if let Some(mode) = others_may_write(&file.metadata().map_err(cannot)?) {
        return Err(format!(
            "others on this machine could change what is allowed (mode {mode:03o}); run: chmod go-w {shown}"
        ));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(cannot)?;
    Ok(text)
}
