//! The key that a caller holds: where it comes from, when it ends, and what narrows it.

use super::narrowed::Narrowed;
use crate::decision::Grants;
use crate::key::KeyDigest;
use crate::policy::Rate;
use updock_types::signer::KeyId;

/// See the module. Holds nothing that opens anything.
#[derive(Debug, Clone)]
pub struct HeldKey {
    pub(super) id: KeyId,
    /// Its public part, where it goes by another id.
    pub(super) public: Option<KeyId>,
    /// The key it was derived from.
    pub(super) parent: Option<KeyId>,
    /// Unix milliseconds: when the first of it, its parents and its agent ends.
    pub(super) ends: Option<i64>,
    /// Where its line begins.
    pub(super) root: Root,
    /// What narrows it, from the first derived key of its line to itself.
    pub(super) links: Vec<Link>,
}

/// Where a line of keys begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Root {
    /// At a key of the policy file.
    Policy(KeyDigest),
    /// At a key that was issued.
    Issued,
}

/// A derived key of a line.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub id: String,
    pub narrowed: Narrowed,
}

impl HeldKey {
    /// What lists and logs call it: its public part, unless it is a key of a policy file that does not name that.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Is this its id, or its public part?
    pub(super) fn goes_by(&self, id: &str) -> bool {
        self.id.as_str() == id || self.public.as_ref().is_some_and(|public| public.as_str() == id)
    }

    /// The key it was derived from.
    pub fn parent(&self) -> Option<&KeyId> {
        self.parent.as_ref()
    }

    /// Unix milliseconds: when the first of it, its parents and its agent ends.
    pub fn ends(&self) -> Option<i64> {
        self.ends
    }

    /// Was it derived from another?
    pub fn is_derived(&self) -> bool {
        !self.links.is_empty()
    }

    /// What this key has of `grants`, which are its agent's.
    #[must_use]
    pub fn narrowing(&self, grants: Grants) -> Grants {
        self.links.iter().fold(grants, |grants, link| link.narrowed.over(grants, &link.id))
    }

    /// The rates of its line, its own first.
    pub(crate) fn rates(&self) -> impl Iterator<Item = (&str, Rate)> {
        self.links.iter().rev().filter_map(|link| Some((link.id.as_str(), link.narrowed.rate?)))
    }
}
