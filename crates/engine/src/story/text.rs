//! A story in words. Nothing that uploads needs this: where nobody asks for it, it is not even linked.

use super::{Errand, Event, Moment, Story};
use crate::{Cause, Millis};
use std::fmt;

/// A line for each moment, with seconds since the file was added.
impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9}  added", Seconds(Millis(0)))?;
        if self.left_out > 0 {
            writeln!(f, "{:>9}  {} earlier moments are left out", "...", self.left_out)?;
        }
        for Moment { at, what } in &self.moments {
            writeln!(f, "{:>9}  {what}", Seconds(at.since(self.added)))?;
        }
        Ok(())
    }
}

struct Seconds(Millis);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Millis(ms) = self.0;
        f.pad(&format!("{}.{} s", ms / 1000, ms % 1000 / 100))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential => f.write_str("credential fetched"),
            Self::Sent { request, files: 0 | 1 } => write!(f, "{request} sent"),
            Self::Sent { request, files } => write!(f, "{request} sent, with {files} files"),
            Self::Started { parts } => write!(f, "started, in {parts} parts"),
            Self::Arrived => f.write_str("all bytes arrived"),
            Self::Again { request, part: 0, cause, wait } => {
                write!(f, "{request} failed: {}; again after {}", Why(*cause), Seconds(*wait))
            }
            Self::Again { part, cause, wait, .. } => {
                write!(f, "part {part} failed: {}; again after {}", Why(*cause), Seconds(*wait))
            }
            Self::Throttled { wait } => write!(f, "asked to wait for {}", Seconds(*wait)),
            Self::Renewed => f.write_str("credential refused; another one is asked for"),
            Self::Parted => f.write_str("goes again with fewer others"),
            Self::Anew(cause) => write!(f, "begins anew: {}", Why(*cause)),
            Self::Inspected(cause) => write!(f, "the end is uncertain ({}); the service is asked", Why(*cause)),
            Self::Offline => f.write_str("the network went away"),
            Self::Online => f.write_str("the network is back"),
            Self::Paused => f.write_str("paused"),
            Self::Resumed => f.write_str("resumed"),
            Self::Retried => f.write_str("tried again on request"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Done => f.write_str("done"),
            Self::Failed(why) => write!(f, "failed for good: {why}"),
        }
    }
}

impl fmt::Display for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upload => "upload",
            Self::Start => "start of an upload in parts",
            Self::Part => "part",
            Self::Complete => "completion",
            Self::Look => "look at it",
            Self::Fetch => "fetching",
            Self::Confirm => "confirmation",
            Self::Credential => "credential",
        })
    }
}

struct Why(Cause);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cause::Network => f.write_str("no connection"),
            Cause::Timeout => f.write_str("no answer in time"),
            Cause::Server(status) => write!(f, "status {status}"),
            Cause::Nonsense => f.write_str("an answer that makes no sense"),
            Cause::Source => f.write_str("its address does not give it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_reads_like_one() {
        let mut story = Story { added: Millis(500), ..Story::default() };
        story.tell(Millis(1_740), Event::Started { parts: 30 });
        let cause = Cause::Server(503);
        story.tell(Millis(3_000), Event::Again { request: Errand::Part, part: 7, cause, wait: Millis(800) });
        story.tell(Millis(61_000), Event::Done);
        assert_eq!(
            story.to_string(),
            "    0.0 s  added\n    1.2 s  started, in 30 parts\n    2.5 s  part 7 failed: status 503; again after 0.8 s\n   \
             60.5 s  done\n"
        );
    }

    #[test]
    fn a_story_is_bounded_and_says_so() {
        let mut story = Story::default();
        for at in 0..1_000 {
            story.tell(Millis(at), Event::Offline);
        }
        assert_eq!((story.moments.len(), story.left_out), (48, 952));
        assert!(story.to_string().contains("952 earlier moments are left out"));
    }
}
