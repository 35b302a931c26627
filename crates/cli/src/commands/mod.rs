//! One module a subject; each command asks, prints, and says how it ended.

pub(crate) mod addons;
pub(crate) mod convert;
pub(crate) mod copy;
pub(crate) mod files;
pub(crate) mod from_url;
pub(crate) mod groups;
pub(crate) mod hooks;
pub(crate) mod labels;
pub(crate) mod upload;

use crate::error::Failed;
use crate::output::Output;

/// Collects how several things ended, telling of each failure at once.
pub(crate) struct Tally<'a> {
    output: &'a Output,
    count: usize,
    failed: Vec<Failed>,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(output: &'a Output) -> Self {
        Self { output, count: 0, failed: Vec::new() }
    }

    pub(crate) fn good(&mut self) {
        self.count += 1;
    }

    pub(crate) fn bad(&mut self, failed: Failed) {
        self.count += 1;
        self.failed.push(failed);
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// One thing alone fails as itself; of several, each is told and the sum.
    pub(crate) fn end(mut self) -> Result<(), Failed> {
        if self.count == 1 && self.failed.len() == 1 {
            return self.failed.pop().map_or(Ok(()), Err);
        }
        for failed in &self.failed {
            self.output.complain(failed);
        }
        match self.failed.len() {
            0 => Ok(()),
            failed => Err(Failed::some(failed, self.count)),
        }
    }
}
