//! The credential broker: one request at a time, for all files that wait; renewed before it expires or runs out.
//!
//! It knows no wall clock: a credential's life is the difference of two times on the signer's clock.

use crate::{Millis, RequestId};
use updock_types::signer::{Credential, IssuedCredential};

/// A credential is not used in its last moments: a tenth of its life, at most ten seconds.
const LONGEST_MARGIN: Millis = Millis(10_000);
/// Failed requests in a row before the files that wait are told.
pub(crate) const MAX_FAILURES: u32 = 5;

#[derive(Debug, Default)]
pub(crate) struct Broker {
    held: Option<Held>,
    generation: u32,
    /// The request in flight.
    pub(crate) request: Option<RequestId>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// No request before this.
    pub(crate) not_before: Millis,
}

#[derive(Debug)]
struct Held {
    credential: Credential,
    good_until: Millis,
    left: Option<u32>,
}

/// Which credential a request carried, so that its refusal does not throw away a newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u32);

impl Broker {
    /// Is there a credential for one more file?
    pub(crate) fn usable(&self, now: Millis) -> bool {
        self.held.as_ref().is_some_and(|held| held.good_until > now && held.left != Some(0))
    }

    /// Takes one operation from the credential.
    pub(crate) fn spend(&mut self, now: Millis) -> Option<(Credential, Generation)> {
        if !self.usable(now) {
            return None;
        }
        let held = self.held.as_mut()?;
        if let Some(left) = &mut held.left {
            *left -= 1;
        }
        Some((held.credential.clone(), Generation(self.generation)))
    }

    /// A fresh credential has come.
    pub(crate) fn receive(&mut self, now: Millis, issued: &IssuedCredential) {
        let life = Millis::from_seconds(issued.expires_at.saturating_sub(issued.server_time));
        let margin = Millis(life.0 / 10).min(LONGEST_MARGIN);
        self.generation = self.generation.wrapping_add(1);
        self.request = None;
        self.held = Some(Held {
            credential: issued.credential.clone(),
            good_until: now.after(Millis(life.0 - margin.0)),
            left: issued.operations,
        });
        if self.usable(now) {
            self.failures = 0;
        }
    }

    /// The service refused the credential of this generation.
    pub(crate) fn refused(&mut self, generation: Generation) {
        if generation.0 == self.generation {
            self.held = None;
        }
    }

    /// Forgets what it holds.
    pub(crate) fn reset(&mut self) {
        self.held = None;
        self.failures = 0;
        self.not_before = Millis(0);
    }

    /// When a request may go, if none is in flight.
    pub(crate) fn may_ask_at(&self) -> Option<Millis> {
        self.request.is_none().then_some(self.not_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use updock_types::{PublicKey, policy::UploadPolicy};

    fn issued(life: u64, operations: Option<u32>) -> IssuedCredential {
        IssuedCredential {
            credential: Credential::Jwt { token: "t".into() },
            public_key: PublicKey::parse("demopublickey").unwrap(),
            expires_at: 1_000_000 + life,
            server_time: 1_000_000,
            operations,
            policy: UploadPolicy::default(),
        }
    }

    #[test]
    fn a_credential_is_not_used_in_its_last_moments_nor_overdrawn() {
        let mut broker = Broker::default();
        broker.receive(Millis(500), &issued(60, Some(2)));
        assert!(broker.spend(Millis(54_499)).is_some());
        assert!(!broker.usable(Millis(54_500)));
        assert!(broker.spend(Millis(600)).is_some());
        assert!(broker.spend(Millis(600)).is_none());
    }

    #[test]
    fn a_late_refusal_does_not_throw_away_a_newer_credential() {
        let mut broker = Broker::default();
        broker.receive(Millis(0), &issued(60, None));
        let (_, first) = broker.spend(Millis(0)).unwrap();
        broker.receive(Millis(1), &issued(60, None));
        broker.refused(first);
        let (_, second) = broker.spend(Millis(2)).unwrap();
        broker.refused(second);
        assert!(!broker.usable(Millis(3)));
    }
}
