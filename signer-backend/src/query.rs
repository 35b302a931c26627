//! The query of the signer's own addresses.
//!
//! Invariant: what an address does not know is refused, with what was probably meant, so that nobody believes that it
//! counted.

use crate::key;
use crate::policy::closest;
use crate::problem::Fault;
use crate::sentence::quoted;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use updock_types::signer::ProblemKind;

/// Refuses a parameter that is none of `known`.
pub(crate) fn unknown(given: &str, known: &[&str]) -> Fault {
    let shown = quoted(given);
    let taken = match known {
        [] => "no parameters".to_owned(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    };
    let meant = meant(given, known.iter().copied());
    let shown = shown.trim_matches('"');
    let sentence = format!("{meant}`{shown}` is not known here; this address takes {taken}.");
    Fault::new(ProblemKind::BadRequest, sentence)
}

/// Refuses whatever stands in the query of an address that takes nothing.
pub(crate) fn none(query: &str) -> Result<(), Fault> {
    match form_urlencoded::parse(query.as_bytes()).next() {
        None => Ok(()),
        Some((name, _)) => Err(unknown(&name, &[])),
    }
}

/// In front of what is asked in a body alone: who writes it into the address is told, and not done half a favour.
pub(crate) async fn only_bodies(request: Request, next: Next) -> Response {
    // An agent key that stands there is told of first, and its name not repeated.
    let query = request.uri().query().filter(|query| !query.contains(key::PREFIX)).unwrap_or_default();
    match none(query) {
        Err(fault) if request.method() == Method::POST => fault.into_response(),
        Ok(()) | Err(_) => next.run(request).await,
    }
}

/// A question to go before a sentence, where one of `known` was probably meant.
pub(crate) fn meant<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> String {
    closest(given, known).map(|best| format!("Did you mean `{best}`? ")).unwrap_or_default()
}
