//! The questions of `init`, for a person on a terminal. An answer that will not do is asked for again; none takes the
//! default in brackets.

use super::draft::{AGENT, Grant};
use crate::policy::{Origin, agent_id};
use std::io::{BufRead, Write};
use updock_types::PublicKey;

/// Asks on `told`, hears on `heard`.
pub(super) struct Questions<'a, In> {
    heard: &'a mut In,
    told: &'a mut dyn Write,
}

impl<'a, In: BufRead> Questions<'a, In> {
    pub(super) fn new(heard: &'a mut In, told: &'a mut dyn Write) -> Self {
        Self { heard, told }
    }

    pub(super) fn public_key(&mut self) -> Result<PublicKey, String> {
        self.ask("Public key of the project (on its page of API keys)", "", |text| {
            PublicKey::parse(text).map_err(|error| error.to_string())
        })
    }

    pub(super) fn agent(&mut self) -> Result<String, String> {
        self.ask("Id of the first agent, a program with a key of its own", AGENT, agent_id)
    }

    pub(super) fn grants(&mut self, agent: &str) -> Result<Vec<Grant>, String> {
        let question = format!("What may {agent} do, like files=read metadata=write");
        self.ask(&question, &Grant::least().to_string(), |text| text.split_whitespace().map(Grant::parse).collect())
    }

    pub(super) fn origins(&mut self) -> Result<Vec<String>, String> {
        let question = "Pages whose visitors may upload without a key, like https://app.example.com";
        self.ask(question, "none", |text| {
            let origin = |text: &str| Origin::parse(text).map(|origin| origin.to_string());
            if text == "none" { Ok(Vec::new()) } else { text.split_whitespace().map(origin).collect() }
        })
    }

    fn ask<T>(&mut self, question: &str, default: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, String> {
        let failed = |error: std::io::Error| format!("the terminal cannot be used: {error}");
        loop {
            let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
            write!(self.told, "{question}{shown}: ").and_then(|()| self.told.flush()).map_err(failed)?;
            let mut answer = String::new();
            if self.heard.read_line(&mut answer).map_err(failed)? == 0 {
                return Err("the questions were broken off; nothing was written".to_owned());
            }
            let answer = answer.trim();
            match read(if answer.is_empty() { default } else { answer }) {
                Ok(value) => return Ok(value),
                Err(why) => writeln!(self.told, "  {why}").map_err(failed)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_will_not_do_is_asked_for_again() {
        let mut heard =
            "Media!\nmedia\n\nfiles=reed\nfiles=read\n*\nhttps://a.example http://127.0.0.1:4000\n".as_bytes();
        let mut told = Vec::new();
        let mut questions = Questions::new(&mut heard, &mut told);
        assert_eq!(questions.agent().unwrap(), "media");
        assert_eq!(questions.grants("media").unwrap(), [Grant::least()]);
        assert_eq!(questions.grants("media").unwrap(), [Grant::parse("files=read").unwrap()]);
        assert_eq!(questions.origins().unwrap(), ["https://a.example", "http://127.0.0.1:4000"]);
        assert!(questions.public_key().unwrap_err().contains("nothing was written"));
        let told = String::from_utf8(told).unwrap();
        assert_eq!(told.matches("Id of the first agent").count(), 2, "{told}");
    }
}
