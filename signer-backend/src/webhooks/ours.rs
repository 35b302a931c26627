//! Our own subscriptions, as callers of the REST front meet them: they see that there are some, and neither the secret
//! nor the part of the address that cannot be guessed, whatever they may do otherwise; and they change none of them.
//! With both, anybody could tell this signer of uploads that never were.

use crate::gateway;
use crate::policy::Policy;
use crate::problem::Fault;
use crate::sending::Asker;
use crate::state::State;
use serde_json::Value;
use updock_client::Call;
use updock_types::rest::Webhook;
use updock_types::signer::ProblemKind;
use updock_types::{Area, WebhookId};

/// What stands in the place of what is not told.
const HIDDEN: &str = "hidden";

/// What our subscriptions are known by; nothing is ours before the address was made.
pub(crate) struct Ours(String);

impl Ours {
    /// Where `call` is about webhooks, and some may be ours.
    pub(crate) async fn known(state: &dyn State, call: &Call) -> Result<Option<Self>, Fault> {
        if call.id().row().area != Area::Webhooks {
            return Ok(None);
        }
        let slug = super::known_slug(state).await.map_err(|error| {
            tracing::error!(%error, "which webhooks are ours is not known");
            let sentence =
                "Which webhooks are the signer's own is not known now, so nothing was done; try again later.";
            Fault::new(ProblemKind::Unavailable, sentence)
        })?;
        Ok(slug.filter(|slug| !slug.is_empty()).map(Self))
    }

    fn is(&self, target: &str) -> bool {
        target.contains(&self.0)
    }

    /// Refuses what would change one of ours, or make another.
    pub(crate) async fn stays(&self, call: &Call, asker: Asker<'_>, policy: &Policy) -> Result<(), Fault> {
        let (id, target) = match call {
            Call::WebhookCreate(new) => (None, Some(&new.target_url)),
            Call::WebhookUnsubscribe(gone) => (None, Some(&gone.target_url)),
            Call::WebhookUpdate(id, change) => (Some(*id), change.target_url.as_ref()),
            Call::WebhookDelete(id) => (Some(*id), None),
            _ => return Ok(()),
        };
        let named = target.is_some_and(|target| self.is(target));
        if named || self.has(id, asker, policy).await? {
            let sentence = "This subscription is the signer's own, and only `updock-signer webhooks sync` changes it.";
            return Err(Fault::new(ProblemKind::Forbidden, sentence));
        }
        Ok(())
    }

    /// Is the subscription with this id ours? Uploadcare knows: ids say nothing.
    async fn has(&self, id: Option<WebhookId>, asker: Asker<'_>, policy: &Policy) -> Result<bool, Fault> {
        let Some(id) = id else { return Ok(false) };
        let there: Vec<Webhook> =
            asker.ask(&Call::WebhooksList).await.map_err(|error| gateway::failed(&error, policy))?;
        Ok(there.iter().any(|hook| hook.id == id && self.is(&hook.target_url)))
    }

    /// Hides what nobody but Uploadcare and this signer should know, in one subscription or a list.
    pub(crate) fn hide(&self, answer: &mut Value) {
        let hooks = match answer {
            Value::Array(hooks) => hooks.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        for hook in hooks {
            let Some(target) = hook.get("target_url").and_then(Value::as_str).filter(|target| self.is(target)) else {
                continue;
            };
            let target = target.replace(&self.0, HIDDEN);
            hook["target_url"] = target.into();
            hook["signing_secret"] = Value::Null;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_our_own_subscription_neither_secret_nor_address_is_told() {
        let ours = Ours("k3v9".to_owned());
        let foreign =
            json!({"id": 1, "target_url": "https://cms.example.com/hooks/uploadcare/x", "signing_secret": "a"});
        let own = |target: &str| json!({"id": 2, "target_url": target, "signing_secret": "b"});
        let shown = |target: &str| json!({"id": 2, "target_url": target, "signing_secret": null});
        for (target, told) in [
            ("https://s.example.com/hooks/uploadcare/k3v9", "https://s.example.com/hooks/uploadcare/hidden"),
            (
                "https://s.example.com/hooks/uploadcare/k3v9?k3v9",
                "https://s.example.com/hooks/uploadcare/hidden?hidden",
            ),
        ] {
            let mut one = own(target);
            ours.hide(&mut one);
            assert_eq!(one, shown(told));
            let mut list = json!([foreign, own(target)]);
            ours.hide(&mut list);
            assert_eq!(list, json!([foreign, shown(told)]));
        }
        let mut none = json!({"detail": "Not found."});
        ours.hide(&mut none);
        assert_eq!(none, json!({"detail": "Not found."}));
    }
}
