//! What Uploadcare has to say: keys, clock, signed uploads, webhooks, and what stays open whatever we do.

use super::{Finding, Kept, State};
use crate::clock;
use crate::policy::Policy;
use crate::sentence::quoted;
use crate::webhooks::ours::{Ours, Whose, maybe_ours};
use std::time::Duration;
use updock_client::{Base, Call, Client, Error, Uploader};
use updock_sign::SecretKey;
use updock_types::rest::Project;
use updock_types::{Area, Event, Level};

/// Longer than any answer should take; a person waits.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn examine(policy: &Policy, upload: Base, kept: &Kept, findings: &mut Vec<Finding>) {
    let client = |secret: &SecretKey| {
        Client::builder(policy.public_key.clone(), secret.clone())
            .rest(policy.rest.clone())
            .answer_timeout(PATIENCE)
            .build()
    };
    let rest = client(&policy.secret);
    let works = keys(policy, &rest, findings).await;
    if works && !policy.secret.matches(policy.upload_secret.expose()) {
        upload_secret(&client(&policy.upload_secret), findings).await;
    }
    if works {
        hooks(policy, &rest, kept, findings).await;
    } else {
        let sentence = "Who else is told of this project's events is not known: the secret key has to work first.";
        findings.push(Finding::new("webhooks", State::Unknown, sentence));
    }
    let uploader = Uploader::builder(policy.public_key.clone()).base(upload).answer_timeout(PATIENCE);
    let uploads = uploads(uploader.build(), findings).await;
    cannot_be_denied(policy, uploads, findings);
}

/// Does the secret key work, and do the clocks agree? Both from one answer.
async fn keys(policy: &Policy, client: &Client, findings: &mut Vec<Finding>) -> bool {
    const CHECK: &str = "secret-key";
    let project = &policy.public_key;
    let answer = match client.send(&Call::ProjectInfo).await {
        Ok(answer) => answer,
        Err(error) => {
            let sentence = format!("Uploadcare cannot be asked at {}: {error}.", policy.rest);
            findings.push(Finding::new(CHECK, State::Unknown, sentence));
            findings.push(Finding::new("clock", State::Unknown, "Uploadcare's clock could not be read."));
            return false;
        }
    };
    let works = match answer.read::<Project>() {
        Ok(told) if told.pub_key == *project => {
            findings.push(Finding::new(
                CHECK,
                State::Good,
                format!("Uploadcare takes the secret key of project {project}."),
            ));
            true
        }
        Ok(told) => {
            let sentence = format!(
                "The secret key opens another project, {}; write the keys of one project into the policy.",
                told.pub_key
            );
            findings.push(Finding::new(CHECK, State::Wrong, sentence));
            false
        }
        Err(error) if error.is_key_refused() => {
            let sentence = format!(
                "Uploadcare refused the secret key of project {project}. Compare both keys with the project's page of \
                 API keys; a clock that is wrong by more than 15 minutes looks the same."
            );
            findings.push(Finding::new(CHECK, State::Wrong, sentence));
            false
        }
        Err(error) => {
            let sentence = format!("Uploadcare's answer is not understood: {}.", quoted(&error.to_string()));
            findings.push(Finding::new(CHECK, State::Unknown, sentence));
            false
        }
    };
    let (state, sentence) = match clock::offset(&answer.headers) {
        None => (State::Unknown, "Uploadcare's answer says no time.".to_owned()),
        Some(offset) => (
            match offset.judged() {
                clock::Judged::Good => State::Good,
                clock::Judged::Off => State::Look,
                clock::Judged::Wrong => State::Wrong,
            },
            offset.to_string(),
        ),
    };
    findings.push(Finding::new("clock", state, sentence));
    works
}

/// Any secret key of a project opens its REST API, so this one is tried there too.
async fn upload_secret(client: &Client, findings: &mut Vec<Finding>) {
    let (state, sentence) = match client.project().await {
        Ok(_) => (State::Good, "Uploadcare takes the secret key that signs upload credentials.".to_owned()),
        Err(error) if error.is_key_refused() => (
            State::Wrong,
            "Uploadcare refused upload_secret; what it signs opens nothing. Write a secret key of this project."
                .to_owned(),
        ),
        Err(error) => (State::Unknown, format!("The secret key for uploads could not be tried: {error}.")),
    };
    findings.push(Finding::new("upload-secret", state, sentence));
}

/// Whom does Uploadcare tell, beside us?
async fn hooks(policy: &Policy, client: &Client, kept: &Kept, findings: &mut Vec<Finding>) {
    const CHECK: &str = "webhooks";
    let ours = match kept {
        Kept::Nothing => Ok(None),
        Kept::There(state) => Ours::kept(&**state).await.map_err(drop),
        Kept::Unreachable => Err(()),
    };
    let there = match client.webhooks_list().await {
        Ok(there) => there,
        Err(Error::Refused { status: 403, .. }) => {
            findings.push(Finding::new(
                CHECK,
                State::Good,
                "This project has no webhooks, so nobody is told of its events.",
            ));
            return;
        }
        Err(error) => {
            findings.push(Finding::new(CHECK, State::Unknown, format!("Webhooks could not be listed: {error}.")));
            return;
        }
    };
    let events = policy.webhooks.as_ref().map(|terms| terms.events.as_slice()).unwrap_or_default();
    let public_url = policy.public_url.as_ref().map(ToString::to_string);
    let before = findings.len();
    let mut heard = Vec::new();
    for hook in &there {
        let (id, event, target) = (hook.id.0, quoted(&hook.event), &hook.target_url);
        let off = if hook.is_active { "" } else { " (switched off)" };
        let (whose, told) = match &ours {
            Ok(Some(ours)) => (ours.whose(hook, public_url.as_deref(), events), ours.hidden(target)),
            Ok(None) => (Whose::Foreign, target.clone()),
            Err(()) => {
                if let Some(told) = maybe_ours(target) {
                    let sentence = format!(
                        "Webhook {id} tells {} of {event}{off}. Whether that is this signer is not known: the state \
                         cannot be read.",
                        quoted(&told)
                    );
                    findings.push(Finding::new(CHECK, State::Unknown, sentence));
                    continue;
                }
                (Whose::Foreign, target.clone())
            }
        };
        let sentence = match whose {
            Whose::Wanted => {
                heard.push(&hook.event);
                continue;
            }
            Whose::Old => format!(
                "Webhook {id} is an old one of this signer's own, for {event}: {}{off}. Run: updock-signer webhooks sync",
                quoted(&told)
            ),
            Whose::Foreign => format!(
                "Webhook {id} tells somebody else of {event}: {}{off}. If you do not know it, delete it.",
                quoted(&told)
            ),
        };
        findings.push(Finding::new(CHECK, State::Look, sentence));
    }
    let is_missing = |event: &Event| !heard.iter().any(|heard| *heard == event.as_str());
    if ours.is_ok() && events.iter().any(is_missing) {
        let sentence =
            "This signer is not told of all events that it wants to know of. Run: updock-signer webhooks sync";
        findings.push(Finding::new(CHECK, State::Look, sentence));
    }
    if findings.len() == before {
        findings.push(Finding::new(CHECK, State::Good, "Nobody else is told of this project's events."));
    }
}

/// What the Upload API asks of whoever has the public key only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uploads {
    Signed,
    Open,
    NotKnown,
}

/// A group of no files: refused for want of a credential, or for want of files.
async fn uploads(uploader: Uploader, findings: &mut Vec<Finding>) -> Uploads {
    const CHECK: &str = "signed-uploads";
    let error = match uploader.group_create(&[]).await {
        Ok(_) => "it made a group of nothing".to_owned(),
        Err(Error::Refused { code, .. }) if code.starts_with("Signature") || code.starts_with("AccessToken") => {
            let sentence = "Signed uploads are on: nobody uploads without a credential.";
            findings.push(Finding::new(CHECK, State::Good, sentence));
            return Uploads::Signed;
        }
        Err(Error::Refused { code, .. }) if code.starts_with("Group") || code.starts_with("Files") => {
            let sentence = "Signed uploads are off: whoever knows the public key, which stands in every page, uploads \
                 without asking this signer. Switch on signed uploads in the project's settings.";
            findings.push(Finding::new(CHECK, State::Look, sentence));
            return Uploads::Open;
        }
        Err(error) => quoted(&error.to_string()),
    };
    let sentence = format!("Whether signed uploads are on could not be found out: {error}.");
    findings.push(Finding::new(CHECK, State::Unknown, sentence));
    Uploads::NotKnown
}

fn cannot_be_denied(policy: &Policy, uploads: Uploads, findings: &mut Vec<Finding>) {
    let agent = |area, least| policy.agents.iter().any(|agent| agent.grants.level(area) >= least);
    let mut note = |text: &str| findings.push(Finding::new("cannot-be-denied", State::Note, text));
    note(
        "Whoever has a file's address reads the file: the CDN asks for no key, unless the project has signed URLs. \
         No policy here can change that.",
    );
    note(
        "Whoever has the public key and the UUID of a file or a group reads its name, size and type from the Upload \
         API, also with signed uploads on.",
    );
    match uploads {
        Uploads::Signed => {}
        Uploads::Open | Uploads::NotKnown => note(
            "As long as signed uploads are off, whoever has the public key uploads files, has files fetched from URLs, \
             and makes groups, whatever the policy says.",
        ),
    }
    if agent(Area::Files, Level::Read) {
        note("An agent that may read files reads all files of the project: Uploadcare knows no owner of a file.");
    }
    if policy.visitors.is_some() || agent(Area::Uploads, Level::Write) {
        note(
            "An upload credential that was given out is good until it expires; it cannot be recalled, and holds to no \
             size and no type. What was uploaded with it is judged when it is confirmed.",
        );
    }
}
