//! What is printed: for people, or as one JSON document a line.
//!
//! Results go to standard output, everything else to standard error. Text that comes from elsewhere (file names, the
//! service's sentences) is stripped of control characters before it reaches a terminal.

use crate::error::Failed;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Where results go.
#[derive(Clone)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// May progress be drawn?
    pub(crate) fn draws(&self) -> bool {
        !self.json && io::stderr().is_terminal()
    }

    /// Prints one result: `value` as JSON, or `words` for people.
    pub(crate) fn result(&self, value: &impl Serialize, words: impl FnOnce() -> String) -> Result<(), Failed> {
        if self.json {
            let line = serde_json::to_string(value)
                .map_err(|error| Failed::new(format!("the result cannot be written: {error}")))?;
            line_out(&line)
        } else {
            line_out(&plain(&words()))
        }
    }

    /// Tells of one failure among several, and goes on.
    pub(crate) fn complain(&self, failed: &Failed) {
        let mut err = io::stderr().lock();
        // When nobody listens any more, nothing can be told.
        let _ = if self.json {
            let told = serde_json::json!({ "error": failed.what, "hint": failed.hint, "exit_code": failed.exit });
            writeln!(err, "{told}")
        } else {
            let hint = failed.hint.as_ref().map(|hint| format!("\n  {}", plain(hint))).unwrap_or_default();
            writeln!(err, "updock: {}{hint}", plain(&failed.what))
        };
    }

    /// Tells of something worth knowing, and goes on.
    pub(crate) fn note(&self, note: &str) {
        let mut err = io::stderr().lock();
        // When nobody listens any more, nothing can be told.
        let _ = if self.json {
            writeln!(err, "{}", serde_json::json!({ "note": note }))
        } else {
            writeln!(err, "updock: {}", plain(note))
        };
    }

    /// Tells why the command failed.
    pub(crate) fn fail(&self, failed: &Failed) -> ExitCode {
        if !failed.silent {
            self.complain(failed);
        }
        ExitCode::from(failed.exit)
    }
}

fn line_out(line: &str) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        // `updock ls | head`: enough was read.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            let mut failed = Failed::new("nobody reads").exiting(0);
            failed.silent = true;
            Err(failed)
        }
        Err(error) => Err(Failed::new(format!("cannot write: {error}"))),
    }
}

/// Without control characters, which could move a terminal's cursor or recolour it; lines and tabs stay.
pub(crate) fn plain(text: &str) -> String {
    let harmless = |c: char| matches!(c, '\n' | '\t') || !c.is_control() && !is_direction(c);
    text.chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect()
}

/// Marks that turn the direction of writing, and with it the look of a name.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `12.5 MB`, in decimal units.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut whole, mut unit) = (bytes, 0);
    while whole >= 1_000_000 && unit + 1 < UNITS.len() {
        whole /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", whole / 1000, whole % 1000 / 100, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\r"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}");
        assert_eq!(plain("кот.jpg\tцвет\n"), "кот.jpg\tцвет\n");
    }

    #[test]
    fn sizes_are_read_at_a_glance() {
        for (bytes, expected) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_500_000, "12.5 MB"), (5_368_709_120, "5.3 GB")]
        {
            assert_eq!(size(bytes), expected);
        }
    }
}
