//! The command `updock` as an agent runs it: the agent's key in the place of the secret key, the signer's address as base.

use crate::process::built;
use crate::stage::{PNG, SECRET, Setup, Stage, agent};
use std::path::PathBuf;
use std::process::Output;
use tokio::process::Command;

struct Agent {
    updock: PathBuf,
    key: String,
    signer: String,
}

impl Agent {
    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.updock);
        command.args(arguments).env("UPLOADCARE_PUBLIC_KEY", "demopublickey").env("UPLOADCARE_SECRET_KEY", &self.key);
        command.env("UPDOCK_BASE_URL", &self.signer).kill_on_drop(true).output().await.unwrap()
    }
}

async fn reader() -> (Stage, Agent) {
    let (key, section) = agent("media", "files = \"read\"");
    let stage = Setup::new(section).start().await;
    let agent = Agent { updock: built("updock-cli", "updock"), key, signer: stage.base.clone() };
    (stage, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_does_what_its_agent_may_and_tells_the_signers_sentence_otherwise() {
    let (stage, agent) = reader().await;
    let file = stage.file("cat.png", PNG).await.to_string();
    for (arguments, code, expected) in [
        (&["ls"][..], 0, "cat.png"),
        (&["info", &file], 0, "cat.png"),
        (&["rm", &file], 3, "this agent has read access to files, and this needs full access"),
        (&["hooks", "ls"], 3, "this agent has no access to webhooks"),
        (&["upload", "Cargo.toml"], 3, "this agent has no access to uploads"),
    ] {
        let output = agent.run(arguments).await;
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains(&agent.key), "{arguments:?} shows the key");
    }
    let told = stage.sentences().join("\n");
    assert!(told.contains("list files. Allowed") && told.contains(&format!("delete files {file}. Refused")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_uploads_with_a_credential_that_the_signer_gives() {
    let (key, section) = agent("media", "files = \"read\"\nuploads = \"write\"");
    let mut setup = Setup::new(section);
    setup.local.signed_uploads = true;
    let stage = setup.start().await;
    let agent = Agent { updock: built("updock-cli", "updock"), key, signer: stage.base.clone() };
    let folder = tempfile::tempdir().unwrap();
    let mut arguments =
        vec!["upload".to_owned(), "--no-resume".to_owned(), format!("--upload-base-url={}", stage.local.base_url())];
    for name in ["a.txt", "b.txt"] {
        let path = folder.path().join(name);
        std::fs::write(&path, name).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    for how in ["--sign-uploads=token", "--sign-uploads=no"] {
        arguments.push(how.to_owned());
        let output = agent.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        let signed = how.ends_with("token");
        assert_eq!(output.status.success(), signed, "{how}: {said}");
        assert_eq!(said.contains("a.txt  ") && said.contains("b.txt  "), signed, "{how}: {said}");
        arguments.pop();
    }
    let told = stage.sentences().join("\n");
    assert!(told.contains("4 files"), "each may be sent twice: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_is_told_what_to_send_instead() {
    let (stage, mut agent) = reader().await;
    agent.key = SECRET.to_owned();
    let output = agent.run(&["ls"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for expected in ["Uploadcare.Simple <public key>:<agent key>", "UPLOADCARE_SECRET_KEY is an agent key"] {
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(stage.rest_requests(), 0);
}
