//! How many connections one peer holds at a time, so that nobody takes the whole house.
//!
//! A peer is an IPv4 address or an IPv6 network of 64 bits, as for the limiter. Invariant: the table holds peers that
//! have a connection and no others, so it is never larger than the number of connections.

use crate::limiter::network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The most connections that one peer may hold at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PerPeer {
    /// Peers on other machines. Who calls from this machine is not counted: a proxy here brings everybody's connections.
    FromElsewhere(u32),
    /// Every peer.
    FromAnywhere(u32),
}

/// Who is connected.
#[derive(Clone)]
pub(crate) struct Peers {
    most: PerPeer,
    open: Arc<Mutex<HashMap<IpAddr, Open>>>,
}

struct Open {
    connections: u32,
    /// Was it said that there are too many? Once is enough until all of them have ended.
    told: bool,
}

/// A connection's place; it is free again when this is dropped.
pub(crate) struct Place {
    peers: Peers,
    peer: Option<IpAddr>,
}

impl Peers {
    pub(crate) fn new(most: PerPeer) -> Self {
        Self { most, open: Arc::default() }
    }

    /// A place for one more connection of `address`, unless it has all it may have.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<Place> {
        let most = match self.most {
            PerPeer::FromElsewhere(_) if address.to_canonical().is_loopback() => {
                return Some(Place { peers: self.clone(), peer: None });
            }
            PerPeer::FromElsewhere(most) | PerPeer::FromAnywhere(most) => most,
        };
        let peer = network(address);
        let mut table = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = table.entry(peer).or_insert(Open { connections: 0, told: false });
        if open.connections < most {
            open.connections += 1;
            return Some(Place { peers: self.clone(), peer: Some(peer) });
        }
        if !open.told {
            open.told = true;
            tracing::warn!(%peer, most, "a peer has all the connections it may have; more are closed at once");
        }
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut table = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = table.get_mut(&peer) {
            open.connections -= 1;
            if open.connections == 0 {
                table.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_has_so_many_places_and_gets_them_back() {
        let peers = Peers::new(PerPeer::FromElsewhere(2));
        let (mut held, one) = (Vec::new(), address("10.0.0.1"));
        held.extend([peers.admit(one).unwrap(), peers.admit(one).unwrap()]);
        assert!(peers.admit(one).is_none());
        held.push(peers.admit(address("10.0.0.2")).expect("another peer has places of its own"));
        held.remove(0);
        held.push(peers.admit(one).expect("a place that is free again is given again"));
        held.clear();
        assert!(peers.open.lock().unwrap().is_empty(), "who has gone is not remembered");
    }

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn that_a_peer_has_too_many_is_told_once_until_it_has_gone() {
        let heard = Heard::default();
        let writer = heard.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let peers = Peers::new(PerPeer::FromAnywhere(1));
            for _ in 0..2 {
                let _held = peers.admit(address("10.0.0.1")).unwrap();
                for _ in 0..3 {
                    assert!(peers.admit(address("10.0.0.1")).is_none());
                }
            }
        });
        let heard = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
        assert_eq!(heard.matches("a peer has all the connections it may have").count(), 2, "{heard}");
    }

    #[test]
    fn what_counts_as_one_peer() {
        for (first, second, one) in [
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ] {
            let peers = Peers::new(PerPeer::FromElsewhere(1));
            let _held = peers.admit(address(first)).unwrap();
            assert_eq!(peers.admit(address(second)).is_none(), one, "{first} and {second}");
        }
    }

    #[test]
    fn this_machine_is_not_counted_unless_everybody_is() {
        for loopback in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"].map(address) {
            let [free, counted] = [PerPeer::FromElsewhere(1), PerPeer::FromAnywhere(1)].map(Peers::new);
            let held: Vec<_> = (0..10).filter_map(|_| free.admit(loopback)).collect();
            assert_eq!(held.len(), 10, "{loopback}");
            let _held = counted.admit(loopback).unwrap();
            assert!(counted.admit(loopback).is_none(), "{loopback}");
        }
    }
}
