//! `doctor`: what is missing on this machine, and what would be done about it. Changes nothing.

use crate::error::{Error, Result};
use crate::setup::{self, State, Weight};
use crate::workspace::Workspace;

/// Prints one line for each need. Fails when something is missing that xtask cannot set up.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut absent = Vec::new();
    for need in setup::needs(workspace) {
        let (mark, text) = match (&need.state, need.weight) {
            (State::There(text), _) => ("ok      ", text.clone()),
            (State::CanSetUp(text), _) => ("set up  ", format!("missing; the next task will: {text}")),
            (State::Absent(text), Weight::Optional) => {
                ("left out", format!("missing, and its tests are left out; to run them, {text}"))
            }
            (State::Absent(text), Weight::Needed) => {
                absent.push(need.name);
                ("MISSING ", format!("please {text}"))
            }
        };
        println!("{mark}  {}: {text}", need.name);
    }
    if absent.is_empty() {
        Ok(())
    } else {
        Err(Error::Missing(format!("{} must be installed by hand, as said above", absent.join(" and "))))
    }
}
