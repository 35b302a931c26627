//! Our own subscriptions: which they are, in one place for `sync`, `doctor` and the REST front. Callers of the front see
//! that there are some, and neither the secret nor the part of the address that cannot be guessed, whatever they may do
//! otherwise; and they change none of them. With both, anybody could tell this signer of uploads that never were.

use crate::gateway;
use crate::policy::Policy;
use crate::problem::Fault;
use crate::sending::Asker;
use crate::state::{State, StateError};
use http::Uri;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use updock_client::Call;
use updock_types::rest::Webhook;
use updock_types::signer::ProblemKind;
use updock_types::{Area, Event, WebhookId};

/// What stands in the place of what is not told.
const HIDDEN: &str = "hidden";
/// So many characters of the slug in a row are no chance, and are not told.
const TELLING: usize = 8;

/// What our subscriptions are known by; nothing is ours before the address was made.
pub(crate) struct Ours(String);

/// Whose a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Ours, at our present address, for an event that the policy lists.
    Wanted,
    /// Ours, and left from an address or a list of before.
    Old,
    /// Somebody else's.
    Foreign,
}

impl Ours {
    /// As the state has it.
    pub(crate) async fn kept(state: &dyn State) -> Result<Option<Self>, StateError> {
        Ok(super::known_slug(state).await?.and_then(Self::by))
    }

    /// By the last part of the path.
    pub(super) fn by(slug: String) -> Option<Self> {
        Some(slug).filter(|slug| !slug.is_empty()).map(Self)
    }

    /// Where `call` is about webhooks, and some may be ours.
    pub(crate) async fn known(state: &dyn State, call: &Call) -> Result<Option<Self>, Fault> {
        if call.id().row().area != Area::Webhooks {
            return Ok(None);
        }
        Self::kept(state).await.map_err(|error| {
            tracing::error!(%error, "which webhooks are ours is not known");
            let sentence =
                "Which webhooks are the signer's own is not known now, so nothing was done; try again later.";
            Fault::new(ProblemKind::Unavailable, sentence)
        })
    }

    /// Where Uploadcare reaches the signer that is reached at `public_url`.
    pub(super) fn at(&self, public_url: &str) -> String {
        format!("{}{}{}", public_url.trim_end_matches('/'), super::PATH, self.0)
    }

    /// Does this address lead to our place, at whatever host?
    pub(crate) fn is(&self, target: &str) -> bool {
        last_part(target).is_some_and(|part| part == self.0)
    }

    /// Whose is a subscription, for a signer that is reached at `public_url` (anywhere, if that is not known) and wants
    /// to hear of `events`?
    pub(crate) fn whose(&self, hook: &Webhook, public_url: Option<&str>, events: &[Event]) -> Whose {
        if !self.is(&hook.target_url) {
            return Whose::Foreign;
        }
        let listed = events.iter().any(|event| event.as_str() == hook.event);
        if listed && public_url.is_none_or(|url| is_same(&hook.target_url, &self.at(url))) {
            Whose::Wanted
        } else {
            Whose::Old
        }
    }

    /// An address as it may be told: nothing in it helps to guess where our own lies.
    pub(crate) fn hidden(&self, target: &str) -> String {
        let read = decoded(target);
        let told = self.without(&read);
        if told == read { target.to_owned() } else { told }
    }

    fn without(&self, text: &str) -> String {
        let (slug, small) = (self.0.to_ascii_lowercase(), text.to_ascii_lowercase());
        let least = TELLING.min(slug.len());
        let (mut told, mut at) = (String::new(), 0);
        while let Some(character) = text[at..].chars().next() {
            let fits = |length: &usize| small.get(at..at + length).is_some_and(|run| slug.contains(run));
            match (least..=slug.len()).rev().find(fits) {
                Some(length) => {
                    told += HIDDEN;
                    at += length;
                }
                None => {
                    told.push(character);
                    at += character.len_utf8();
                }
            }
        }
        told
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
            let Some(target) = hook.get("target_url").and_then(Value::as_str) else { continue };
            let (is_ours, told) = (self.is(target), self.hidden(target));
            hook["target_url"] = told.into();
            if is_ours {
                hook["signing_secret"] = Value::Null;
            }
        }
    }
}

/// Could this be an address of this signer's, if it were known where that lies? Then it, without what is not told.
pub(crate) fn maybe_ours(target: &str) -> Option<String> {
    last_part(target).filter(|part| part.len() == super::SLUG_LENGTH)?;
    let told = target.split_once(super::PATH).map(|(before, _)| format!("{before}{}{HIDDEN}", super::PATH));
    Some(told.unwrap_or_else(|| HIDDEN.to_owned()))
}

/// What follows `/hooks/uploadcare/` at the end of an address's path, decoded as whoever takes the delivery decodes it.
fn last_part(target: &str) -> Option<String> {
    let target: Uri = target.split('#').next().unwrap_or_default().parse().ok()?;
    let path = decoded(target.path());
    let (_, part) = path.trim_end_matches('/').rsplit_once(super::PATH)?;
    (!part.is_empty() && !part.contains('/')).then(|| part.to_owned())
}

/// Scheme and host are the same in any case.
fn is_same(one: &str, other: &str) -> bool {
    one == other || matches!((one.parse::<Uri>(), other.parse::<Uri>()), (Ok(one), Ok(other)) if one == other)
}

/// With its `%61` as they are meant.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SLUG: &str = "k3v9Qm2xT7bR4wZ8nL5cY1dH";

    fn ours() -> Ours {
        Ours(SLUG.to_owned())
    }

    #[test]
    fn ours_is_what_leads_to_our_place_at_whatever_host() {
        for (target, expected) in [
            ("https://s.example.com/hooks/uploadcare/SLUG", true),
            ("http://elsewhere.example.com:8080/hooks/uploadcare/SLUG", true),
            ("https://s.example.com/signer/hooks/uploadcare/SLUG/", true),
            ("https://s.example.com/hooks/uploadcare/SLUG?a=b", true),
            ("https://s.example.com/hooks/uploadcare/SLUG#a", true),
            ("https://s.example.com/hooks/uploadcare/%6b3v9Qm2xT7bR4wZ8nL5cY1dH", true),
            ("https://s.example.com/hooks/uploadcare/SLUG/more", false),
            ("https://s.example.com/hooks/uploadcare/SLUGX", false),
            ("https://s.example.com/hooks/uploadcare/", false),
            ("https://s.example.com/hooks/SLUG", false),
            ("https://s.example.com/?/hooks/uploadcare/SLUG", false),
            ("https://s.example.com/#/hooks/uploadcare/SLUG", false),
            ("https://SLUG.example.com/hooks/uploadcare/another", false),
            ("not an address", false),
        ] {
            assert_eq!(ours().is(&target.replace("SLUG", SLUG)), expected, "{target}");
        }
    }

    #[test]
    fn an_address_or_an_event_of_before_is_old() {
        let (url, events) = (Some("https://s.example.com/"), &[Event::FileUploaded][..]);
        for (target, event, url, expected) in [
            ("https://s.example.com/hooks/uploadcare/SLUG", "file.uploaded", url, Whose::Wanted),
            ("https://S.example.com/hooks/uploadcare/SLUG", "file.uploaded", url, Whose::Wanted),
            ("https://s.example.com/hooks/uploadcare/SLUG", "file.deleted", url, Whose::Old),
            ("https://s.example.com/hooks/uploadcare/SLUG?a", "file.uploaded", url, Whose::Old),
            ("https://old.example.com/hooks/uploadcare/SLUG", "file.uploaded", url, Whose::Old),
            ("https://old.example.com/hooks/uploadcare/SLUG", "file.uploaded", None, Whose::Wanted),
            ("https://s.example.com/hooks/uploadcare/another", "file.uploaded", url, Whose::Foreign),
        ] {
            let target = target.replace("SLUG", SLUG);
            let hook = json!({"id": 1, "target_url": target, "event": event, "is_active": true, "project": 1,
                              "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z", "version": "0.7"});
            let hook: Webhook = serde_json::from_value(hook).unwrap();
            assert_eq!(ours().whose(&hook, url, events), expected, "{target} {event}");
        }
    }

    #[test]
    fn no_part_of_our_address_is_told_wherever_it_stands() {
        for (target, told) in [
            ("https://a.example.com/SLUG", "https://a.example.com/hidden"),
            ("https://a.example.com/k3v9Qm2xT7bR4wZ8nL5c", "https://a.example.com/hidden"),
            ("https://a.example.com/%6b3v9Qm2xT7bR4wZ8nL5cY1dH", "https://a.example.com/hidden"),
            ("https://k3v9qm2xt7br4wz8nl5cy1dh.example.com/", "https://hidden.example.com/"),
            ("https://a.example.com/%20k3v9/\u{e9}", "https://a.example.com/%20k3v9/\u{e9}"),
        ] {
            assert_eq!(ours().hidden(&target.replace("SLUG", SLUG)), told);
        }
        assert_eq!(
            maybe_ours(&format!("https://s.example.com/a/hooks/uploadcare/{SLUG}?x")).as_deref(),
            Some("https://s.example.com/a/hooks/uploadcare/hidden")
        );
        for other in ["short", "k3v9Qm2xT7bR/wZ8nL5cY1dH"] {
            assert_eq!(maybe_ours(&format!("https://s.example.com/hooks/uploadcare/{other}")), None);
        }
    }

    #[test]
    fn of_our_own_subscription_neither_secret_nor_address_is_told() {
        let ours = ours();
        let foreign =
            json!({"id": 1, "target_url": "https://cms.example.com/hooks/uploadcare/x", "signing_secret": "a"});
        let own = |target: &str| json!({"id": 2, "target_url": target, "signing_secret": "b"});
        let shown = |target: &str| json!({"id": 2, "target_url": target, "signing_secret": null});
        for (target, told) in [
            ("https://s.example.com/hooks/uploadcare/SLUG", "https://s.example.com/hooks/uploadcare/hidden"),
            (
                "https://s.example.com/hooks/uploadcare/SLUG?SLUG",
                "https://s.example.com/hooks/uploadcare/hidden?hidden",
            ),
        ] {
            let target = &target.replace("SLUG", SLUG);
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
