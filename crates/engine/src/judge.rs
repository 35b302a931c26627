//! What a failed request means: the one place where answers are weighed.

use crate::{Answer, Cause, Failure, Millis, ServerRefusal};
use updock_types::{ErrorCode, signer::UPSTREAM_REFUSED};

/// Which request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Direct,
    Start,
    Part,
    Complete,
    Inspect,
    Fetch,
    Group,
    Confirm,
    Credential,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same again, after a wait; spends an attempt.
    Again(Cause),
    /// The same again when the server says; spends none of the attempts, but is bounded too.
    Wait(Option<Millis>),
    /// The same again with a fresh credential.
    Renew { detail: String },
    /// The upload is lost: start it anew.
    Restart(Cause),
    /// It may have worked: ask before doing it twice.
    Inspect(Cause),
    /// The server has lost sight of the file: complete it again.
    CompleteAgain,
    /// No use.
    Fail(Failure),
}

/// Weighs an answer that is not the success that was hoped for.
pub(crate) fn judge(asked: Asked, answer: &Answer) -> Verdict {
    let lost = |cause| if asked == Asked::Complete { Verdict::Inspect(cause) } else { Verdict::Again(cause) };
    match answer {
        Answer::Unreadable => Verdict::Fail(Failure::Unreadable),
        Answer::Unreachable => lost(Cause::Network),
        Answer::Refused(refusal) => match asked {
            Asked::Part => judge_part(refusal),
            Asked::Credential => judge_credential(refusal),
            Asked::Confirm => judge_confirm(refusal),
            Asked::Direct | Asked::Start | Asked::Complete | Asked::Inspect | Asked::Fetch | Asked::Group => {
                judge_api(asked, refusal)
            }
        },
        // A success of another kind, or HTML under 200: a proxy's page, a captive portal.
        _ => lost(Cause::Nonsense),
    }
}

/// A request that was broken off because nothing moved.
pub(crate) fn judge_timeout(asked: Asked) -> Verdict {
    if asked == Asked::Complete { Verdict::Inspect(Cause::Timeout) } else { Verdict::Again(Cause::Timeout) }
}

fn passing(status: u16) -> bool {
    status == 408 || status >= 500
}

/// Storage answers in XML; its status is all that is read.
fn judge_part(refusal: &ServerRefusal) -> Verdict {
    match refusal.status {
        429 => Verdict::Wait(refusal.retry_after),
        // The URL has expired, or the upload is gone.
        403 | 404 | 410 => Verdict::Restart(Cause::Server(refusal.status)),
        // 400 covers an incomplete body and storage's own time-out.
        400 => Verdict::Again(Cause::Server(400)),
        status if passing(status) => Verdict::Again(Cause::Server(status)),
        _ => refused(refusal),
    }
}

fn judge_credential(refusal: &ServerRefusal) -> Verdict {
    match refusal.status {
        429 => Verdict::Wait(refusal.retry_after),
        status if passing(status) => Verdict::Again(Cause::Server(status)),
        _ => Verdict::Fail(Failure::CredentialRefused { detail: refusal.detail.as_str().into() }),
    }
}

fn judge_confirm(refusal: &ServerRefusal) -> Verdict {
    match refusal.status {
        429 => Verdict::Wait(refusal.retry_after),
        // A signer whose own key is refused stays so until its owner acts.
        status if passing(status) && refusal.code != UPSTREAM_REFUSED => Verdict::Again(Cause::Server(status)),
        404 => Verdict::Fail(Failure::Lost),
        422 => Verdict::Fail(Failure::PolicyRefused { detail: refusal.detail.as_str().into() }),
        _ => Verdict::Fail(Failure::NotConfirmed { detail: refusal.detail.as_str().into() }),
    }
}

fn judge_api(asked: Asked, refusal: &ServerRefusal) -> Verdict {
    use ErrorCode as Code;
    let is = |codes: &[Code]| codes.iter().any(|code| code.name() == refusal.code);
    if refusal.status == 429 {
        return Verdict::Wait(refusal.retry_after);
    }
    if is(&[
        Code::AccessTokenExpiredError,
        Code::AccessTokenInvalidError,
        Code::OperationsLimitExceededError,
        Code::SignatureExpirationError,
        Code::SignatureInvalidError,
        Code::SignatureRequiredError,
    ]) {
        return Verdict::Renew { detail: refusal.detail.clone() };
    }
    if is(&[Code::ScopeForbiddenError]) {
        return Verdict::Fail(Failure::CredentialRefused { detail: refusal.detail.as_str().into() });
    }
    if is(&[
        Code::ProjectPublicKeyInvalidError,
        Code::ProjectPublicKeyRequiredError,
        Code::ProjectPublicKeyRemovedError,
        Code::AccountBlockedError,
        Code::AccountUnpaidError,
        Code::AccountLimitsExceededError,
    ]) {
        return Verdict::Fail(Failure::KeyRefused { detail: refusal.detail.as_str().into() });
    }
    match asked {
        Asked::Complete if is(&[Code::MultipartFileAlreadyUploadedError]) => {
            Verdict::Inspect(Cause::Server(refusal.status))
        }
        // A part that storage acknowledged is missing, or the upload has expired.
        Asked::Complete
            if is(&[
                Code::MultipartUploadSizeTooSmallError,
                Code::MultipartUploadSizeTooLargeError,
                Code::MultipartFileCompletionFailedError,
                Code::MultipartFileNotFoundError,
            ]) =>
        {
            Verdict::Restart(Cause::Server(refusal.status))
        }
        Asked::Complete if passing(refusal.status) => Verdict::Inspect(Cause::Server(refusal.status)),
        Asked::Inspect if refusal.status == 404 => Verdict::CompleteAgain,
        _ if passing(refusal.status) => Verdict::Again(Cause::Server(refusal.status)),
        _ => refused(refusal),
    }
}

fn refused(refusal: &ServerRefusal) -> Verdict {
    Verdict::Fail(Failure::Refused { code: refusal.code.as_str().into(), detail: refusal.detail.as_str().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str) -> Answer {
        Answer::Refused(ServerRefusal { status, code: code.into(), detail: "D.".into(), retry_after: None })
    }

    #[test]
    fn each_answer_has_its_remedy() {
        for (asked, answer, expected) in [
            (Asked::Part, refusal(500, ""), Verdict::Again(Cause::Server(500))),
            (Asked::Part, refusal(400, ""), Verdict::Again(Cause::Server(400))),
            (Asked::Part, refusal(408, ""), Verdict::Again(Cause::Server(408))),
            (Asked::Part, refusal(413, ""), Verdict::Fail(Failure::Refused { code: "".into(), detail: "D.".into() })),
            (Asked::Part, refusal(403, ""), Verdict::Restart(Cause::Server(403))),
            (Asked::Part, Answer::Unreachable, Verdict::Again(Cause::Network)),
            (Asked::Complete, Answer::Unreachable, Verdict::Inspect(Cause::Network)),
            (Asked::Complete, refusal(503, ""), Verdict::Inspect(Cause::Server(503))),
            (
                Asked::Complete,
                refusal(400, "FileTypeForbiddenError"),
                Verdict::Fail(Failure::Refused { code: "FileTypeForbiddenError".into(), detail: "D.".into() }),
            ),
            (Asked::Inspect, refusal(404, ""), Verdict::CompleteAgain),
            (Asked::Inspect, refusal(503, ""), Verdict::Again(Cause::Server(503))),
            (Asked::Complete, Answer::Nonsense, Verdict::Inspect(Cause::Nonsense)),
            (Asked::Complete, refusal(400, "MultipartFileAlreadyUploadedError"), Verdict::Inspect(Cause::Server(400))),
            (Asked::Complete, refusal(400, "MultipartUploadSizeTooSmallError"), Verdict::Restart(Cause::Server(400))),
            (Asked::Direct, refusal(401, "AccessTokenExpiredError"), Verdict::Renew { detail: "D.".into() }),
            (
                Asked::Direct,
                refusal(403, "ProjectPublicKeyInvalidError"),
                Verdict::Fail(Failure::KeyRefused { detail: "D.".into() }),
            ),
            (
                Asked::Direct,
                refusal(400, "FileTypeForbiddenError"),
                Verdict::Fail(Failure::Refused { code: "FileTypeForbiddenError".into(), detail: "D.".into() }),
            ),
            (Asked::Direct, Answer::Unreadable, Verdict::Fail(Failure::Unreadable)),
            (Asked::Start, refusal(429, "RequestThrottledError"), Verdict::Wait(None)),
            (Asked::Credential, refusal(500, ""), Verdict::Again(Cause::Server(500))),
            (Asked::Credential, refusal(403, ""), Verdict::Fail(Failure::CredentialRefused { detail: "D.".into() })),
            (Asked::Credential, Answer::Nonsense, Verdict::Again(Cause::Nonsense)),
            (Asked::Confirm, refusal(422, ""), Verdict::Fail(Failure::PolicyRefused { detail: "D.".into() })),
            (Asked::Confirm, refusal(404, ""), Verdict::Fail(Failure::Lost)),
            (
                Asked::Confirm,
                refusal(502, UPSTREAM_REFUSED),
                Verdict::Fail(Failure::NotConfirmed { detail: "D.".into() }),
            ),
            (Asked::Confirm, refusal(504, ""), Verdict::Again(Cause::Server(504))),
        ] {
            assert_eq!(judge(asked, &answer), expected, "{asked:?} {answer:?}");
        }
    }
}
