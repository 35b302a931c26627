//! What a server answered, read once and typed. Drivers hand over status, headers and body; they judge nothing.

use crate::{Expect, Millis};
use updock_types::{
    FileUuid,
    fields::{self, Fields, FileFacts},
    signer::{Confirmed, IssuedCredential},
    upload::MultipartStarted,
};

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The file is there, under this UUID.
    Uploaded(FileUuid),
    /// A multipart upload was started.
    Started(MultipartStarted),
    /// The part is stored.
    PartStored,
    /// Facts about a file.
    Facts(FileFacts),
    /// A credential.
    Credential(Box<IssuedCredential>),
    /// The signer confirms.
    Confirmed(Confirmed),
    /// The server said no.
    Refused(ServerRefusal),
    /// The server answered with something that cannot be read, such as a page of HTML.
    Nonsense,
    /// No answer: the connection failed.
    Unreachable,
    /// The file's bytes could not be read: it was moved, deleted or changed.
    Unreadable,
}

/// A server's refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerRefusal {
    /// The HTTP status, or the one inside an error envelope.
    pub status: u16,
    /// A code of the catalogue, the `type` of a problem document, or empty.
    pub code: String,
    /// One English sentence, or empty.
    pub detail: String,
    /// How long the server asks to wait.
    pub retry_after: Option<Millis>,
}

/// A response as it came.
pub struct Reply<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<&'a str>,
    /// The body, if it is JSON.
    pub body: Option<&'a dyn Fields>,
}

/// Reads a response.
pub fn read_reply(expects: &Expect, reply: &Reply<'_>) -> Answer {
    let success = (200..300).contains(&reply.status);
    if let Some(error) = reply.body.and_then(fields::upload_error) {
        return Answer::Refused(ServerRefusal {
            status: error.status_code,
            code: error.error_code,
            detail: error.content,
            retry_after: wait(reply),
        });
    }
    if !success {
        let (code, detail) = reply.body.map(fields::problem).unwrap_or_default();
        return Answer::Refused(ServerRefusal { status: reply.status, code, detail, retry_after: wait(reply) });
    }
    if matches!(expects, Expect::PartStored) {
        return Answer::PartStored;
    }
    let read = reply.body.and_then(|body| match expects {
        Expect::Uploaded(name) => fields::uploaded_uuid(body, name).map(Answer::Uploaded),
        Expect::Started => fields::multipart_started(body).map(Answer::Started),
        Expect::Facts => fields::file_facts(body).map(Answer::Facts),
        Expect::Credential => fields::issued_credential(body).map(|issued| Answer::Credential(Box::new(issued))),
        Expect::Confirmed => fields::confirmed(body).map(Answer::Confirmed),
        Expect::PartStored => None,
    });
    read.unwrap_or(Answer::Nonsense)
}

/// `Retry-After` in whole seconds. A date there is read as absent: the engine has no wall clock, and then waits by
/// its own measure.
fn wait(reply: &Reply<'_>) -> Option<Millis> {
    reply.retry_after?.trim().parse().ok().map(Millis::from_seconds)
}
