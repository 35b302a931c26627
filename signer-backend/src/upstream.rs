//! What an error of Uploadcare means for our caller: which problem, in which words.
//!
//! Invariant: a caller never sees Uploadcare's own 401 or 403, because those are about our key and not about theirs.

use crate::policy::Policy;
use crate::problem::Fault;
use updock_client::Error;
use updock_types::signer::ProblemKind;

/// The sentence when Uploadcare does not take our key: the same in the log, at start and in answers.
pub(crate) fn key_refused(policy: &Policy) -> String {
    format!(
        "Uploadcare refused the secret key of project {}; uploads will be refused until it is corrected.",
        policy.public_key
    )
}

/// The problem to answer with.
pub(crate) fn fault(error: &Error, policy: &Policy) -> Fault {
    match error {
        Error::Refused { .. } if error.is_key_refused() => {
            Fault::new(ProblemKind::UpstreamRefused, key_refused(policy))
        }
        Error::Refused { status: 404, .. } => {
            Fault::new(ProblemKind::NotFound, format!("There is no such file in project {}.", policy.public_key))
        }
        Error::Throttled { wait } => {
            let seconds = wait.as_secs();
            let sentence = format!("Uploadcare takes no more requests right now; ask again in {seconds} seconds.");
            Fault::new(ProblemKind::Throttled, sentence).retry_after(*wait)
        }
        Error::Timeout { after } => Fault::new(
            ProblemKind::UpstreamTimeout,
            format!("Uploadcare did not answer within {} seconds; try again.", after.as_secs_f64()),
        ),
        Error::Unreachable(_) => {
            Fault::new(ProblemKind::UpstreamUnavailable, "Uploadcare cannot be reached right now; try again.")
        }
        Error::Broken(_) => {
            Fault::new(ProblemKind::UpstreamUnavailable, "The connection to Uploadcare broke off; try again.")
        }
        Error::TooLarge { .. } => {
            Fault::new(ProblemKind::UpstreamUnavailable, "Uploadcare's answer is too large; ask for less at a time.")
        }
        // The last is of callers with an agent key, which we are not.
        Error::Unexpected { .. } | Error::Refused { .. } | Error::KeyWithheld { .. } => {
            Fault::new(ProblemKind::UpstreamUnavailable, "Uploadcare answered something unexpected; try again.")
        }
    }
}
