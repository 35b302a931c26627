//! Decisions in plain English: one sentence each, made here and nowhere else.
//!
//! Invariant: one record is one line, whatever a client sends. Text that clients chose is quoted, cut to 64
//! characters and escaped, so it can neither end the line nor turn it around. Secrets never come this way.

use crate::caller::Caller;
use crate::decision::{Because, Decision, Destination, Verdict};
use crate::key::masked;
use crate::keys::HeldKey;
use std::fmt::Write;
use std::net::IpAddr;
use updock_client::Call;
use updock_types::rest::{Conversion, LocalCopy, RemoteCopy};
use updock_types::{FileUuid, Level};

/// Longest client-chosen text in a sentence, in characters.
const LONGEST: usize = 64;
/// Most files that a sentence names: as many as one call of Uploadcare has.
const NAMED: usize = updock_types::rest::BATCH_LIMIT;
/// Longest explanation of a reader, which may list what it knows, in characters.
const LONGEST_EXPLANATION: usize = 400;

/// `text` in quotes, safe to print.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in cut(text, LONGEST).chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        push_shown(&mut quoted, character);
    }
    quoted + if is_longer(text, LONGEST) { "...\"" } else { "\"" }
}

/// What a reader of a body has to say about it, safe to print: as it is, for it is a sentence of its own.
pub(crate) fn explanation(text: &str) -> String {
    let mut shown = String::new();
    cut(text, LONGEST_EXPLANATION).chars().for_each(|character| push_shown(&mut shown, character));
    shown + if is_longer(text, LONGEST_EXPLANATION) { "..." } else { "" }
}

fn cut(text: &str, longest: usize) -> String {
    masked(text).chars().take(longest).collect()
}

fn is_longer(text: &str, longest: usize) -> bool {
    masked(text).chars().nth(longest).is_some()
}

fn push_shown(text: &mut String, character: char) {
    if is_hidden(character) {
        let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
    } else {
        text.push(character);
    }
}

/// Control characters, line and paragraph separators, and what changes the direction or cannot be seen.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// `2.1 MB`, as people write sizes: powers of ten.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (unit, name) in units {
        if bytes >= unit {
            let tenths = bytes / (unit / 10);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    counted(bytes, "byte")
}

/// `1 file`, `20 files`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `10 minutes`, `90 seconds`, `1 hour`.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0 => "0 seconds".to_owned(),
        _ if seconds.is_multiple_of(3600) => counted(seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => counted(seconds / 60, "minute"),
        _ => counted(seconds, "second"),
    }
}

/// How long something lasts, for people: whole days from two days on, never more than there is. `89 days`, `12 hours`.
pub(crate) fn lasting(seconds: u64) -> String {
    const DAY: u64 = 86_400;
    match seconds {
        0 => "less than a second".to_owned(),
        _ if seconds.is_multiple_of(DAY) || seconds >= 2 * DAY => counted(seconds / DAY, "day"),
        _ if seconds >= 7_200 => counted(seconds / 3600, "hour"),
        _ if seconds >= 120 && !seconds.is_multiple_of(3600) => counted(seconds / 60, "minute"),
        _ => duration(seconds),
    }
}

/// Somebody who is no caller: no key, or one we do not know.
pub(crate) fn stranger(peer: Option<IpAddr>, origin: Option<&str>) -> String {
    let mut who = peer.map_or_else(|| "Somebody".to_owned(), |peer| format!("Somebody at {peer}"));
    if let Some(origin) = origin {
        let _ = write!(who, ", from {},", quoted(origin));
    }
    who
}

/// The request of a stranger, who was not asked what exactly it wanted.
pub(crate) fn turned_away(who: &str, method: &str, path: &str, why: &str) -> String {
    format!("{who} called {method} {}. Refused: {why}", quoted(path))
}

/// What a call does, to follow `asked to`, with what it is done to: ids and keys, and never a value.
pub(crate) fn call_words(call: &Call) -> String {
    let words = call.id().row().words;
    match call {
        Call::MetadataGet(file, key) | Call::MetadataPut(file, key, _) | Call::MetadataDelete(file, key) => {
            format!("{words} {file}: {}", key.as_str())
        }
        Call::GroupInfo(group) | Call::GroupDelete(group) => format!("{words} {group}"),
        Call::WebhookInfo(id) | Call::WebhookUpdate(id, _) | Call::WebhookDelete(id) => format!("{words} {id}"),
        Call::DocumentStatus(token) | Call::VideoStatus(token) => format!("{words} {token} is"),
        Call::AddonStatus(_, request) => format!("{words}, request {request}"),
        Call::FileLocalCopy(LocalCopy { source, .. }) | Call::FileRemoteCopy(RemoteCopy { source, .. }) => {
            of_files(words, file_in(source))
        }
        Call::DocumentConvert(Conversion { paths, .. }) | Call::VideoConvert(Conversion { paths, .. }) => {
            of_files(words, paths.iter().filter_map(|path| file_in(path)))
        }
        Call::FilesStore(files) | Call::FilesDelete(files) => of_files(words, files.iter().copied()),
        _ => of_files(words, call.file()),
    }
}

/// The file that a path, or an address of one, is about. Of the rest nothing is told: it may open something.
fn file_in(text: &str) -> Option<FileUuid> {
    text.split(['/', '~', '?']).find_map(|piece| FileUuid::parse(piece).ok())
}

fn of_files(words: &str, files: impl IntoIterator<Item = FileUuid>) -> String {
    let mut files = files.into_iter();
    let mut text = words.to_owned();
    for (at, file) in files.by_ref().take(NAMED).enumerate() {
        let _ = write!(text, "{} {file}", if at == 0 { "" } else { "," });
    }
    match files.count() {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// What a caller asks who wants several files confirmed.
pub(crate) fn confirm_words(files: &[FileUuid]) -> String {
    let files: Vec<String> = files.iter().map(FileUuid::to_string).collect();
    format!("confirm {} files: {}", files.len(), files.join(", "))
}

/// `asked to <words>` and the verdict with its reason.
pub(crate) fn decided(caller: &Caller, words: &str, decision: &Decision) -> String {
    let who = caller.describe();
    match decision.verdict {
        Verdict::Allow => format!("{who} asked to {words}. Allowed: {}.", reason(caller, decision)),
        Verdict::Deny => format!("{who} asked to {words}. Refused: {}.", reason(caller, decision)),
        Verdict::NeedsApproval => format!("{who} asked to {words}. Not done: {}.", reason(caller, decision)),
    }
}

fn reason(caller: &Caller, decision: &Decision) -> String {
    let Decision { need, held, because, .. } = decision;
    let who = if caller.held_key().is_some_and(HeldKey::is_derived) { "this key" } else { "this agent" };
    let subject = if caller.is_visitor() { "visitors have".to_owned() } else { format!("{who} has") };
    let held = match held {
        Level::Off => "no".to_owned(),
        level => level.to_string(),
    };
    match because {
        Because::Granted => format!("{subject} {held} access to {}", need.area),
        Because::Level => format!("{subject} {held} access to {}, and this needs {} access", need.area, need.level),
        Because::Only => format!("{who} is held to a list of operations, and this is not on it"),
        Because::Batch { most } => {
            format!("{who} may name {} in one request, and this names {}", counted(as_u64(*most), "file"), need.count)
        }
        Because::Destination => match need.destination {
            Some(Destination::Storage(_)) => format!("{who} may copy to listed storages only"),
            _ => format!("{who} may send webhooks to listed addresses only"),
        },
        Because::Approval => {
            "somebody else has to approve of this first, and this version cannot ask anybody yet".to_owned()
        }
        Because::Public => format!("{who} may make no copy that everybody can read"),
    }
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// For the caller: what is not granted.
pub(crate) fn refusal(caller: &Caller, words: &str, decision: &Decision) -> String {
    format!("You may not {words}: {}.", reason(caller, decision))
}

/// A request within the grant whose particular wishes are not.
pub(crate) fn wish_refused(caller: &Caller, words: &str, why: &str) -> String {
    format!("{} asked to {words}. Refused: {why}", caller.describe())
}

/// A call that was allowed and came to nothing.
pub(crate) fn not_carried_out(caller: &Caller, words: &str, why: &str) -> String {
    format!("The request of {} to {words} came to nothing: {why}", caller.name())
}

/// Some were turned away without a record of their own, the last of them `who`.
pub(crate) fn left_out(who: &str, count: u64) -> String {
    let were = if count == 1 { "was" } else { "were" };
    format!(
        "{} {were} turned away without a record of their own, because too many came from one address; the last: {who}.",
        counted(count, "request")
    )
}

/// A call that was allowed and that Uploadcare answered.
pub(crate) fn carried_out(caller: &Caller, words: &str, status: u16) -> String {
    if status < 400 {
        done(caller, words)
    } else {
        format!("The request of {} to {words} came to nothing: Uploadcare answered {status}.", caller.name())
    }
}

/// A request that was allowed and had been carried out before, under the same idempotency key.
pub(crate) fn answered_as_before(caller: &Caller, words: &str) -> String {
    format!("The request of {} to {words} was answered as before, and not done again.", caller.name())
}

/// A request that was allowed and done here, without Uploadcare.
pub(crate) fn done(caller: &Caller, words: &str) -> String {
    format!("The request of {} to {words} was carried out.", caller.name())
}

/// What an issued credential is good for.
pub(crate) fn given(caller: &Caller, on_behalf_of: Option<&str>, pass: &Pass<'_>) -> String {
    let who = caller.describe();
    let behalf = on_behalf_of.map(|name| format!(" for {}", quoted(name))).unwrap_or_default();
    match pass {
        Pass::Token { operations, seconds, id } => format!(
            "{who} was given an upload pass{behalf} for up to {}, good for {} (pass {id}).",
            counted(u64::from(*operations), "file"),
            duration(*seconds)
        ),
        Pass::Signature { seconds } => format!(
            "{who} was given an upload signature{behalf}, good for {}; the number of files is not limited.",
            duration(*seconds)
        ),
    }
}

/// An issued credential, as far as the log may know it.
pub(crate) enum Pass<'a> {
    /// A token with its id.
    Token { operations: u32, seconds: u64, id: &'a str },
    /// A pair, which has no id.
    Signature { seconds: u64 },
}

/// An event that Uploadcare reported.
pub(crate) fn reported(event: &str, file: FileUuid, dedupe: &str, late: bool) -> String {
    let late = if late { "; something newer came before it, so nobody is told" } else { "" };
    format!("Uploadcare reported {event} of file {file} (delivery {dedupe}, signature good, first time seen{late}).")
}

/// A file that keeps the policy. Who uploaded it nobody knows: its id was named, no more.
pub(crate) fn confirmed(caller: &Caller, file: FileUuid, bytes: u64, media_type: &str, stored: bool) -> String {
    let stored = if stored { "It is stored" } else { "It is not stored and will be gone in 24 hours" };
    format!(
        "File {file}, named by {}, was confirmed: {}, {}. {stored}.",
        caller.name(),
        size(bytes),
        quoted(media_type).trim_matches('"')
    )
}

/// A file that does not.
pub(crate) fn not_confirmed(caller: &Caller, file: FileUuid, why: &str, deleted: bool) -> String {
    let end = if deleted { " It was deleted." } else { "" };
    format!("File {file}, named by {}, was not confirmed: {why}{end}", caller.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_something_lasts_is_said_in_days_where_it_is_days() {
        for (seconds, expected) in [
            (0, "less than a second"),
            (1, "1 second"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (3_599, "59 minutes"),
            (3_600, "1 hour"),
            (43_200, "12 hours"),
            (86_399, "23 hours"),
            (86_400, "1 day"),
            (129_600, "36 hours"),
            (7_775_972, "89 days"),
            (7_776_000, "90 days"),
        ] {
            assert_eq!(lasting(seconds), expected);
        }
    }

    #[test]
    fn foreign_text_can_neither_break_nor_turn_a_line() {
        for (text, expected) in [
            ("user-42", r#""user-42""#),
            ("a\nb\r\u{2028}", r#""a\u{a}b\u{d}\u{2028}""#),
            ("\u{1b}[31mred", r#""\u{1b}[31mred""#),
            ("\u{202e}gpj.exe", r#""\u{202e}gpj.exe""#),
            (r#"say "hi" \"#, r#""say \"hi\" \\""#),
            ("Привет", r#""Привет""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
        assert_eq!(quoted(&"é".repeat(65)), format!("\"{}...\"", "é".repeat(64)));
        assert_eq!(quoted(&"é".repeat(64)), format!("\"{}\"", "é".repeat(64)));
    }

    #[test]
    fn sizes_and_times_read_well() {
        for (bytes, expected) in
            [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (2_149_999, "2.1 MB"), (5_000_000_000, "5.0 GB")]
        {
            assert_eq!(size(bytes), expected);
        }
        for (seconds, expected) in [(1, "1 second"), (90, "90 seconds"), (600, "10 minutes"), (3600, "1 hour")] {
            assert_eq!(duration(seconds), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_stays_on_one_line_and_short(text in "\\PC*|.*|(?s).*") {
            let quoted = quoted(&text);
            proptest::prop_assert!(!quoted.chars().any(is_hidden));
            proptest::prop_assert_eq!(quoted.lines().count(), 1);
            proptest::prop_assert!(quoted.chars().count() <= 64 * 10 + 5);
            let explanation = explanation(&text);
            proptest::prop_assert!(!explanation.chars().any(is_hidden));
            proptest::prop_assert!(explanation.lines().count() <= 1);
            proptest::prop_assert!(explanation.chars().count() <= 400 * 10 + 3);
        }
    }
}
