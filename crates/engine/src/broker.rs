//! The credential broker: one request at a time, for all files that wait; renewed before it expires or runs out.
//!
//! It knows no wall clock: a credential's life is the difference of two times on the signer's clock, and counts from
//! when it was asked for, since nobody knows when on the way it was made.

use crate::{Millis, RequestId};
use updock_types::signer::{Credential, IssuedCredential};

/// A credential is not used in its last moments: a tenth of its life, at most ten seconds.
const LONGEST_MARGIN: Millis = Millis(10_000);
/// A credential that is needed further on is renewed before it ends: by a fifth of its life, at most a minute.
const LONGEST_LEAD: Millis = Millis(60_000);
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
    /// The same of requests that were early: nobody waited for them.
    early: u32,
    /// No request before this.
    pub(crate) not_before: Millis,
}

#[derive(Debug)]
struct Held {
    credential: Credential,
    good_until: Millis,
    /// From then on another one is asked for, while this one still serves.
    renew_from: Millis,
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

    /// For how many files the credential is good; for any number where there is none.
    pub(crate) fn left(&self) -> usize {
        self.held.as_ref().and_then(|held| held.left).map_or(usize::MAX, |left| left as usize)
    }

    /// Takes the operations of so many files from the credential.
    pub(crate) fn spend(&mut self, now: Millis, files: usize) -> Option<(Credential, Generation)> {
        if !self.usable(now) {
            return None;
        }
        let held = self.held.as_mut()?;
        if let Some(left) = &mut held.left {
            *left = left.saturating_sub(u32::try_from(files).unwrap_or(u32::MAX));
        }
        Some((held.credential.clone(), Generation(self.generation)))
    }

    /// The credential, for what costs no operation.
    pub(crate) fn show(&self, now: Millis) -> Option<(Credential, Generation)> {
        let held = self.held.as_ref().filter(|held| held.good_until > now)?;
        Some((held.credential.clone(), Generation(self.generation)))
    }

    /// Is it time to ask for the next one, so that nobody has to wait for it?
    pub(crate) fn ages(&self, now: Millis) -> bool {
        self.held.as_ref().is_some_and(|held| held.renew_from <= now) && self.usable(now)
    }

    /// When that is.
    pub(crate) fn ages_at(&self) -> Option<Millis> {
        self.held.as_ref().map(|held| held.renew_from)
    }

    /// A fresh credential has come, which was asked for at `asked`.
    pub(crate) fn receive(&mut self, now: Millis, asked: Millis, issued: &IssuedCredential) {
        let life = Millis::from_seconds(issued.expires_at.saturating_sub(issued.server_time));
        let margin = Millis(life.0 / 10).min(LONGEST_MARGIN);
        self.generation = self.generation.wrapping_add(1);
        self.request = None;
        let lead = Millis(life.0 / 5).min(LONGEST_LEAD);
        let good_until = asked.after(Millis(life.0 - margin.0));
        self.held = Some(Held {
            credential: issued.credential.clone(),
            good_until,
            renew_from: Millis(good_until.0.saturating_sub(lead.0)),
            left: issued.operations,
        });
        if self.usable(now) {
            (self.failures, self.early) = (0, 0);
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

    /// The next one cannot be had yet, and the one that is held still serves: how often that was so. Not among the
    /// failures, which count from when files wait.
    pub(crate) fn early_failure(&mut self) -> u32 {
        self.early += 1;
        self.early
    }

    /// The signer gives none; the one that is held serves to its end.
    pub(crate) fn stop_renewing(&mut self) {
        if let Some(held) = &mut self.held {
            held.renew_from = held.good_until;
        }
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
        broker.receive(Millis(700), Millis(500), &issued(60, Some(2)));
        assert!(broker.spend(Millis(54_499), 1).is_some());
        assert!(!broker.usable(Millis(54_500)));
        assert!(broker.show(Millis(54_499)).is_some() && broker.show(Millis(54_500)).is_none());
        assert!(broker.spend(Millis(600), 1).is_some());
        assert!(broker.spend(Millis(600), 1).is_none());
    }

    #[test]
    fn early_failures_are_counted_until_a_credential_comes() {
        let mut broker = Broker::default();
        assert_eq!([(); 3].map(|()| broker.early_failure()), [1, 2, 3]);
        broker.receive(Millis(0), Millis(0), &issued(60, None));
        assert_eq!(broker.early_failure(), 1);
    }

    #[test]
    fn a_late_refusal_does_not_throw_away_a_newer_credential() {
        let mut broker = Broker::default();
        broker.receive(Millis(0), Millis(0), &issued(60, None));
        let (_, first) = broker.spend(Millis(0), 1).unwrap();
        broker.receive(Millis(1), Millis(1), &issued(60, None));
        broker.refused(first);
        let (_, second) = broker.spend(Millis(2), 1).unwrap();
        broker.refused(second);
        assert!(!broker.usable(Millis(3)));
    }
}
