//! What a server answered, read once and typed. Drivers hand over status, headers and body; they judge nothing.

use crate::{Expect, FULL, Millis};
use updock_types::{
    FileUuid,
    fields::{self, Fetch, Fields, FileFacts, Grouped, Refused},
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
    /// A group was made.
    Grouped(Grouped),
    /// How far the service is with a file that it fetches.
    Fetch(Fetch),
    /// A credential.
    Credential(Box<IssuedCredential>),
    /// The signer confirms.
    Confirmed(Confirmed),
    /// One for each file of a batch, in the order in which they were sent.
    Each(Vec<Answer>),
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
    /// The `Retry-After` header, in seconds. The engine has no wall clock: where it is a date, a driver holds it against
    /// the `Date` of the same answer, or else against its own clock.
    pub retry_after: Option<&'a str>,
    /// The body: absent when there is none, null when it is no JSON.
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
        // Storage says nothing where it has stored something: a page of a captive portal is no success.
        return if reply.body.is_none() { Answer::PartStored } else { Answer::Nonsense };
    }
    match (reply.body, expects) {
        (Some(body), Expect::Each(each)) => Answer::Each(read_each(body, each)),
        (Some(body), _) => read(body, expects),
        (None, _) => Answer::Nonsense,
    }
}

fn read(body: &dyn Fields, expects: &Expect) -> Answer {
    let read = match expects {
        Expect::Uploaded(name) => fields::uploaded_uuid(body, name).map(Answer::Uploaded),
        Expect::Started => fields::multipart_started(body).map(Answer::Started),
        Expect::Facts => fields::file_facts(body).map(Answer::Facts),
        Expect::Group if FULL => fields::grouped(body).map(Answer::Grouped),
        Expect::Fetch if FULL => fields::fetch(body).map(Answer::Fetch),
        Expect::Credential => fields::issued_credential(body).map(|issued| Answer::Credential(Box::new(issued))),
        Expect::Confirmed => fields::confirmed(body).map(Answer::Confirmed),
        Expect::ConfirmedAt(at) => fields::confirmed_at(body, *at).map(|one| match one {
            Ok(confirmed) => Answer::Confirmed(confirmed),
            Err(Refused { status, kind: code, detail }) => {
                Answer::Refused(ServerRefusal { status, code, detail, retry_after: None })
            }
        }),
        Expect::PartStored | Expect::Each(_) | Expect::Group | Expect::Fetch => None,
    };
    read.unwrap_or(Answer::Nonsense)
}

/// Reads what is said about each file. One UUID for two files is no answer for either: both would count as sent.
fn read_each(body: &dyn Fields, each: &[Expect]) -> Vec<Answer> {
    let mut answers: Vec<Answer> = each.iter().map(|expects| read(body, expects)).collect();
    for at in 1..answers.len() {
        if let (Answer::Uploaded(uuid), earlier) = (&answers[at], &answers[..at])
            && let Some(twin) = earlier.iter().position(|other| matches!(other, Answer::Uploaded(same) if same == uuid))
        {
            (answers[at], answers[twin]) = (Answer::Nonsense, Answer::Nonsense);
        }
    }
    answers
}

/// `Retry-After` in whole seconds. What is none is read as absent, and then the engine waits by its own measure.
fn wait(reply: &Reply<'_>) -> Option<Millis> {
    reply.retry_after?.trim_ascii().parse().ok().map(Millis::from_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "17be4678-dab7-4bc7-8753-28914a22960a";
    const TWO: &str = "59ea4069-536d-4ab3-a963-27cadd1297ed";

    fn batch(body: &str) -> Answer {
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let expects = Expect::Each((0..3).map(|at| Expect::Uploaded(["file", &at.to_string()].concat())).collect());
        read_reply(&expects, &Reply { status: 200, retry_after: None, body: Some(&json) })
    }

    #[test]
    fn each_file_of_a_batch_has_its_own_answer() {
        let uploaded = |uuid| Answer::Uploaded(FileUuid::parse(uuid).unwrap());
        for (body, expected) in [
            (
                [r#"{"file0":""#, ONE, r#"","file2":""#, TWO, r#""}"#].concat(),
                vec![uploaded(ONE), Answer::Nonsense, uploaded(TWO)],
            ),
            // One UUID for two files: neither is sure to be there.
            (
                [r#"{"file0":""#, ONE, r#"","file1":""#, TWO, r#"","file2":""#, ONE, r#""}"#].concat(),
                vec![Answer::Nonsense, uploaded(TWO), Answer::Nonsense],
            ),
            ("[]".to_owned(), vec![Answer::Nonsense; 3]),
        ] {
            assert_eq!(batch(&body), Answer::Each(expected), "{body}");
        }
        let refused = batch(r#"{"error":{"status_code":400,"content":"No.","error_code":"FileTypeForbiddenError"}}"#);
        assert!(matches!(refused, Answer::Refused(ServerRefusal { status: 400, .. })));
    }

    #[test]
    fn each_kind_of_answer_is_read_as_what_was_asked_for() {
        let facts = format!(
            r#"{{"uuid":"{ONE}","size":5,"total":5,"done":5,"is_ready":true,"is_stored":true,"mime_type":"image/png","original_filename":"a","filename":"a"}}"#
        );
        let group =
            format!(r#"{{"id":"{ONE}~1","cdn_url":"https://cdn.example/{ONE}~1/","files_count":1,"files":[{facts}]}}"#);
        let read = |body: &str, expects: &Expect| {
            let json: serde_json::Value = serde_json::from_str(body).unwrap();
            read_reply(expects, &Reply { status: 200, retry_after: None, body: Some(&json) })
        };
        assert!(matches!(read(&facts, &Expect::Facts), Answer::Facts(facts) if facts.size == 5));
        assert!(matches!(read(&group, &Expect::Group), Answer::Grouped(group) if group.files.len() == 1));
        let fetch = r#"{"type":"token","token":"945ebb27-1fd6-46c6-a859-b9893712d650"}"#;
        assert!(matches!(read(fetch, &Expect::Fetch), Answer::Fetch(Fetch::Taken(_))));
        for expects in [Expect::Facts, Expect::Group, Expect::Fetch, Expect::Started, Expect::Confirmed] {
            assert_eq!(read("{}", &expects), Answer::Nonsense, "{expects:?}");
        }
    }

    #[test]
    fn a_refusal_says_how_long_to_wait_in_whole_seconds_or_not_at_all() {
        for (said, wait) in [
            (Some("7"), Some(Millis(7_000))),
            (Some(" 0 "), Some(Millis(0))),
            (Some("soon"), None),
            (Some("-1"), None),
            (Some("1.5"), None),
            (None, None),
        ] {
            let answer = read_reply(&Expect::Facts, &Reply { status: 429, retry_after: said, body: None });
            assert!(matches!(&answer, Answer::Refused(refusal) if refusal.retry_after == wait), "{said:?}: {answer:?}");
        }
    }
}
