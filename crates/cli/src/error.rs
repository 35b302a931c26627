//! What went wrong, for a person and for a script: a sentence, a next step, an exit code.

use updock_client::{Error, Failure, JobError, Remedy, UploadError};

/// Exit codes; 2 is wrong usage, by the parser.
pub(crate) mod exit {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const KEY: u8 = 3;
    pub(crate) const NOT_FOUND: u8 = 4;
    pub(crate) const NOT_REACHED: u8 = 5;
    pub(crate) const SOME_FAILED: u8 = 6;
    pub(crate) const INTERRUPTED: u8 = 130;
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
    pub(crate) exit: u8,
    /// Standard output is gone: nobody is left to tell.
    pub(crate) silent: bool,
}

impl Failed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: exit::FAILED, silent: false }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn exiting(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }

    /// Some of several failed, and each was told already.
    pub(crate) fn some(failed: usize, of: usize) -> Self {
        let code = if failed < of { exit::SOME_FAILED } else { exit::FAILED };
        Self::new(format!("{failed} of {of} failed")).exiting(code)
    }

    /// The same, said about one thing of several.
    pub(crate) fn about(mut self, thing: impl std::fmt::Display) -> Self {
        self.what = format!("{thing}: {}", self.what);
        self
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match &error {
            Error::Refused { status: 401, detail, .. } => Self::new(format!("the key is refused: {detail}"))
                .hint("check UPLOADCARE_PUBLIC_KEY and UPLOADCARE_SECRET_KEY: they must be of one project, or the agent's key of this signer")
                .exiting(exit::KEY),
            Error::Refused { status: 403, detail, .. } => Self::new(format!("it is not allowed: {detail}"))
                .hint("check the keys, and whether the project's plan has this feature; with an agent's key, ask whoever runs the signer")
                .exiting(exit::KEY),
            Error::Refused { status: 404, detail, .. } => Self::new(detail.as_str())
                .hint("check the id, and that the keys are of the project it belongs to")
                .exiting(exit::NOT_FOUND),
            Error::Refused { status: 409, detail, .. } => {
                Self::new(detail.as_str()).hint("it runs already: wait until it is done")
            }
            Error::Refused { detail, .. } => Self::new(format!("the service refuses: {detail}")),
            Error::Throttled { wait } => Self::new("the service asks to wait")
                .hint(format!("try again in {} s", wait.as_secs()))
                .exiting(exit::NOT_REACHED),
            Error::Unreachable(_) => Self::new("the service cannot be reached")
                .hint("check the network, and the address if you gave one with --base-url")
                .exiting(exit::NOT_REACHED),
            Error::Broken(_) | Error::Timeout { .. } => {
                Self::new(error.to_string()).hint("try again").exiting(exit::NOT_REACHED)
            }
            Error::KeyWithheld { .. } => Self::new(error.to_string())
                .hint("give the signer's address with --base-url: https, or http on this machine")
                .exiting(exit::KEY),
            Error::TooLarge { .. } | Error::Unexpected { .. } => {
                Self::new(error.to_string()).hint("check the address: this does not look like Uploadcare")
            }
        }
    }
}

impl From<JobError> for Failed {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Call(error) => error.into(),
            JobError::Failed { detail, .. } => Self::new(format!("it failed: {detail}")),
            JobError::NotDone { after, .. } => Self::new(format!("it is not done after {} s", after.as_secs()))
                .hint("it goes on at the service: ask for it later")
                .exiting(exit::NOT_REACHED),
        }
    }
}

impl From<UploadError> for Failed {
    fn from(error: UploadError) -> Self {
        let (hint, code) = match (&error, error.remedy()) {
            (UploadError::Failed(Failure::KeyRefused { .. }), _) => {
                (Some("check --public-key, or UPLOADCARE_PUBLIC_KEY"), exit::KEY)
            }
            (UploadError::Failed(Failure::CredentialRefused { .. }), _) => (
                Some("this project wants signed uploads: set UPLOADCARE_SECRET_KEY to a secret key of the project"),
                exit::KEY,
            ),
            (UploadError::Failed(Failure::GaveUp(_) | Failure::Throttled), _) => {
                (Some("check the network and try again"), exit::NOT_REACHED)
            }
            (UploadError::Interrupted { resumable: true }, _) => {
                (Some("run the same command again to go on where it stopped"), exit::INTERRUPTED)
            }
            (_, Remedy::Retry) => (Some("try again"), exit::FAILED),
            (_, Remedy::Replace | Remedy::TellOwner) => (None, exit::FAILED),
        };
        let failed = Self::new(error.to_string()).exiting(code);
        match hint {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    }
}
