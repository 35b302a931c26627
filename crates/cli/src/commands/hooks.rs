//! `updock hooks`: webhooks. Their secrets are never printed, in no form.

use super::Tally;
use crate::args::{HookSecretArgs, HooksCommand, YesNo};
use crate::error::Failed;
use crate::output::Output;
use crate::project::{Project, secret_in};
use serde::Serialize;
use serde_json::json;
use updock_types::rest::{NewWebhook, Webhook, WebhookChange};
use updock_types::{Timestamp, WebhookId};

/// Version of the payload that this toolkit knows.
const VERSION: &str = "0.7";

#[derive(Serialize)]
struct Printed<'a> {
    id: WebhookId,
    event: &'a str,
    target_url: &'a str,
    is_active: bool,
    signed: bool,
    version: &'a str,
    created: Timestamp,
    updated: Timestamp,
}

pub(crate) async fn run(command: &HooksCommand, project: &Project<'_>, output: &Output) -> Result<(), Failed> {
    let client = project.client()?;
    match command {
        HooksCommand::Ls => {
            for hook in client.webhooks_list().await? {
                print(&hook, output)?;
            }
            Ok(())
        }
        HooksCommand::Create { target, event, inactive, secret } => {
            let webhook = NewWebhook {
                target_url: target.clone(),
                event: *event,
                is_active: Some(!inactive),
                signing_secret: secret.read()?,
                version: Some(VERSION.to_owned()),
            };
            print(&client.webhook_create(webhook).await?, output)
        }
        HooksCommand::Update { id, target, event, active, secret } => {
            let change = WebhookChange {
                target_url: target.clone(),
                event: *event,
                is_active: active.map(YesNo::is_yes),
                signing_secret: secret.read()?,
            };
            if change == WebhookChange::default() {
                return Err(Failed::new("what to change?").hint("see updock hooks update --help").exiting(2));
            }
            print(&client.webhook_update(*id, change).await?, output)
        }
        HooksCommand::Rm { hooks } => {
            let mut tally = Tally::new(output);
            for hook in hooks {
                let gone = match WebhookId::parse(hook) {
                    Ok(id) => client.webhook_delete(id).await,
                    Err(_) if hook.contains("://") => client.webhook_unsubscribe(hook).await,
                    Err(error) => {
                        tally.bad(Failed::new(format!("neither an id nor a URL: {error}")).about(hook).exiting(2));
                        continue;
                    }
                };
                match gone {
                    Ok(()) => {
                        tally.good();
                        output.result(&json!({ "removed": hook }), || format!("{hook} is removed"))?;
                    }
                    Err(error) => tally.bad(Failed::from(error).about(hook)),
                }
            }
            tally.end()
        }
    }
}

impl HookSecretArgs {
    fn read(&self) -> Result<Option<String>, Failed> {
        let secret = self.signing_secret_file.as_deref().map(secret_in).transpose()?;
        Ok(secret.map(|secret| secret.expose().to_owned()))
    }
}

fn print(hook: &Webhook, output: &Output) -> Result<(), Failed> {
    let signed = hook.signing_secret.as_ref().is_some_and(|secret| !secret.is_empty());
    let printed = Printed {
        id: hook.id,
        event: &hook.event,
        target_url: &hook.target_url,
        is_active: hook.is_active,
        signed,
        version: &hook.version,
        created: hook.created,
        updated: hook.updated,
    };
    output.result(&printed, || {
        let active = if hook.is_active { "active" } else { "inactive" };
        let signed = if signed { "signed" } else { "not signed" };
        format!("{:>8}  {:18}  {active:8}  {signed:10}  {}", hook.id, hook.event, hook.target_url)
    })
}
