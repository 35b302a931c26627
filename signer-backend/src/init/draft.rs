//! A first policy before it is written: its parts, its text, and its check.

use crate::cli::DEFAULT_POLICY;
use crate::key::AgentKey;
use crate::policy::{Policy, Sources};
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use updock_client::Base;
use updock_types::{Area, Level, PublicKey};

/// Where the project's secret key is, unless a file holds it.
pub(super) const SECRET_VARIABLE: &str = "UPLOADCARE_SECRET_KEY";
/// The first agent when nobody names one.
pub(super) const AGENT: &str = "agent";

/// One line of an agent: this much in this area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    area: Area,
    level: Level,
}

impl Grant {
    /// Reads `files=read`.
    pub fn parse(text: &str) -> Result<Self, String> {
        const LEVELS: [Level; 4] = [Level::Off, Level::Read, Level::Write, Level::Full];
        let (area, level) = text.split_once('=').ok_or("expected an area and a level, like files=read")?;
        let (area, level) = (area.trim(), level.trim());
        let known = |names: Vec<&str>| format!("known are {}", names.join(", "));
        let areas = || Area::ALL.iter().copied().map(Area::as_str).collect();
        let named = Area::ALL.iter().copied().find(|known| known.as_str() == area);
        let area = named.ok_or_else(|| format!("no such area; {}", known(areas())))?;
        let named = LEVELS.into_iter().find(|known| known.as_str() == level);
        let level = named.ok_or_else(|| format!("no such level; {}", known(LEVELS.map(Level::as_str).to_vec())))?;
        Ok(Self { area, level })
    }

    /// Where.
    pub fn area(&self) -> Area {
        self.area
    }

    /// How much.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Enough to see that a key works, and that it opens nothing.
    pub(super) fn least() -> Self {
        Self { area: Area::Project, level: Level::Read }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.area, self.level)
    }
}

/// What stands in the policy.
pub(super) struct Draft {
    pub(super) public_key: PublicKey,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) rest: Option<Base>,
    pub(super) listen: SocketAddr,
    pub(super) agent: String,
    pub(super) name: String,
    pub(super) grants: Vec<Grant>,
    pub(super) origins: Vec<String>,
}

/// `media-bot` as people write it: `Media bot`.
pub(super) fn name_of(agent: &str) -> String {
    let mut words = agent.replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// What a command needs to find this policy again.
pub(super) fn config_flag(path: &Path) -> String {
    if path == Path::new(DEFAULT_POLICY) { String::new() } else { format!(" --config {}", path.display()) }
}

/// As TOML writes a text.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

impl Draft {
    /// The policy as a file.
    pub(super) fn text(&self, key: &AgentKey) -> String {
        let secret = match &self.secret_file {
            None => format!("env = {}", quoted(SECRET_VARIABLE)),
            Some(path) => format!("file = {}", quoted(&path.display().to_string())),
        };
        let mut text = format!(
            "# What updock-signer allows. Whatever is not written here is refused.\n\
             # Is it good, and what does it allow? updock-signer check\n\
             version = 1\n\n\
             [server]\nlisten = \"{}\"\n\n\
             [project]\npublic_key = {}\nsecret = {{ {secret} }}\n",
            self.listen,
            quoted(self.public_key.as_str()),
        );
        if let Some(rest) = &self.rest {
            let _ = write!(text, "\n[upstream]\nrest = {}\n", quoted(&rest.to_string()));
        }
        if !self.origins.is_empty() {
            let origins: Vec<String> = self.origins.iter().map(|origin| quoted(origin)).collect();
            let _ = write!(
                text,
                "\n# Browsers, without any key: only from these pages, exactly as written.\n\
                 [uploads.visitors]\norigins = [{}]\nrate = \"10/s burst 40\"\nttl_max = \"10m\"\noperations_max = 20\n",
                origins.join(", ")
            );
        }
        let _ = write!(
            text,
            "\n# A program with its own key. Areas: {}.\n# Levels: off (the default), read, write, full.\n\
             [agents.{}]\nname = {}\nkeys = [{{ id = \"{}\", sha256 = \"{}\" }}]\n",
            Area::ALL.iter().map(|area| area.as_str()).collect::<Vec<_>>().join(", "),
            self.agent,
            quoted(&self.name),
            key.id(),
            key.digest()
        );
        for Grant { area, level } in &self.grants {
            let _ = writeln!(text, "{area} = \"{level}\"");
        }
        text
    }

    /// Holds its text to the rules of any policy. `directory` is where the file will be.
    pub(super) fn check(text: &str, directory: &Path) -> Result<(), String> {
        let env = |name: &str| std::env::var(name).ok();
        let checked = Policy::parse(text, &Sources { directory, env: &env });
        checked.map(drop).map_err(|error| {
            // Its line is one of a file that nobody has seen.
            let line = error.line().and_then(|line| text.lines().nth(line.saturating_sub(1)));
            let sentence = error.to_string();
            let sentence = sentence.split_once(": ").filter(|_| line.is_some()).map_or(&*sentence, |(_, after)| after);
            match line {
                Some(line) => format!("nothing was written, because of `{}`: {sentence}", line.trim()),
                None => format!("nothing was written: {sentence}"),
            }
        })
    }

    /// In words.
    pub(super) fn allowed(&self) -> String {
        let grants: Vec<String> =
            self.grants.iter().map(|Grant { area, level }| format!("{level} access to {area}")).collect();
        let mut text = format!("the agent {} {}", self.agent, grants.join(", "));
        if !self.origins.is_empty() {
            let _ = write!(text, ", and visitors of {} uploads", self.origins.join(", "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_as_they_stand_in_the_policy() {
        for (text, expected) in [
            ("files=read", Ok("files=read".to_owned())),
            (" files = full ", Ok("files=full".to_owned())),
            ("files", Err("an area and a level".to_owned())),
            ("file=read", Err("known are files, metadata".to_owned())),
            ("files=reed", Err("known are off, read, write, full".to_owned())),
        ] {
            match (Grant::parse(text), expected) {
                (Ok(grant), Ok(expected)) => assert_eq!(grant.to_string(), expected),
                (Err(told), Err(expected)) => assert!(told.contains(&expected), "{told}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        for (id, name) in [("media", "Media"), ("media-bot", "Media bot"), ("", ""), ("7", "7"), ("é", "é")] {
            assert_eq!(name_of(id), name);
        }
    }
}
