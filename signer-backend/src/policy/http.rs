//! `GET /v1/policy/explain?operation=files.delete`: may I, and which rule says so? About oneself with `admin: read`,
//! about others with `admin: full`.

use super::{Explanation, Question};
use crate::decision::{Need, Readers};
use crate::own;
use crate::problem::Fault;
use crate::query;
use crate::signer::{Asked, Signer, Visit};
use axum::extract::State;
use axum::response::Json;
use http::Uri;
use updock_types::Level;
use updock_types::signer::ProblemKind;

/// Answers a question.
pub(crate) async fn explain(State(signer): State<Signer>, visit: Visit, uri: Uri) -> Result<Json<Explanation>, Fault> {
    let question = read(uri.query().unwrap_or_default(), visit.caller().id())?;
    let level = if question.caller == visit.caller().id() { own::POLICY_EXPLAIN.level } else { Level::Full };
    let asked = Asked { operation: own::POLICY_EXPLAIN.id, words: own::POLICY_EXPLAIN.words, sentence_follows: false };
    signer.decide(&visit, Need::own(&own::POLICY_EXPLAIN).at(level), asked, ()).await?;
    let answer = if question.caller == visit.caller().id() {
        visit.policy().explain_to(visit.caller(), &question)
    } else {
        visit.policy().explain(&question)
    };
    answer.map(Json).map_err(|sentence| Fault::new(ProblemKind::BadRequest, ended(&sentence)))
}

fn ended(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('?'))
}

fn read(text: &str, own: &str) -> Result<Question, Fault> {
    let bad = |sentence: &str| Err(Fault::new(ProblemKind::BadRequest, sentence));
    let mut question = Question { caller: own.to_owned(), ..Question::default() };
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        match name.as_ref() {
            "caller" => question.caller = value.into_owned(),
            "operation" => question.operation = value.into_owned(),
            "to" => question.to = Some(value.into_owned()),
            "count" => match value.parse() {
                Ok(count) => question.count = Some(count),
                Err(_) => return bad("`count` should be a number of files."),
            },
            "public" => match value.as_ref() {
                "true" => question.readers = Readers::Everybody,
                "false" => question.readers = Readers::AsBefore,
                _ => return bad("`public` should be true or false."),
            },
            _ => return Err(query::unknown(&name, &["caller", "operation", "count", "to", "public"])),
        }
    }
    if question.operation.is_empty() {
        return bad("`operation` should be the id of an operation, like files.delete.");
    }
    Ok(question)
}
