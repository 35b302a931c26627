//! The engine's promises, as properties over random schedules of faults and commands. The simulator itself asserts on
//! every step that progress never falls, that the budget holds and that no success is false.

use crate::sim::{Endpoint, Fault, MIB, Sim};
use proptest::prelude::*;
use updock_engine::{Command, FileKey, Network, RowState, Which};

fn endpoints() -> impl Strategy<Value = Endpoint> {
    use Endpoint::{Base, Complete, Confirm, Credential, Info, Part, Start};
    prop::sample::select(vec![Base, Start, Part, Complete, Info, Credential, Confirm])
}

/// Faults that pass.
fn passing() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(408),
        Fault::Throttled(3),
        Fault::Reset,
        Fault::LostAnswer,
        Fault::Silence,
        Fault::Html,
    ])
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => passing(),
        1 => Just(Fault::Truncated),
        1 => Just(Fault::Unreadable),
        1 => Just(Fault::Status(403)),
        1 => Just(Fault::Status(404)),
        1 => Just(Fault::Code(401, "AccessTokenExpiredError")),
        1 => Just(Fault::Code(400, "MultipartFileAlreadyUploadedError")),
        1 => Just(Fault::Code(400, "MultipartUploadSizeTooSmallError")),
        1 => Just(Fault::Code(403, "ProjectPublicKeyInvalidError")),
    ]
}

#[derive(Debug, Clone)]
enum Event {
    Step(u8),
    Command(u8, u32),
    Network(bool),
    Add(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = prop_oneof![
        6 => (1u8..20).prop_map(Event::Step),
        3 => (0u8..6, 0u32..8).prop_map(|(command, key)| Event::Command(command, key)),
        1 => any::<bool>().prop_map(Event::Network),
        2 => prop::sample::select(vec![0, 1, 1000, 26 * MIB, 41 * MIB]).prop_map(Event::Add),
    ];
    prop::collection::vec(one, 1..40)
}

fn play(signed: bool, faults: &[(Endpoint, usize, Fault)], events: &[Event]) -> Sim {
    let mut sim = if signed { Sim::signed(|_| {}) } else { Sim::new(|_| {}) };
    for (endpoint, nth, fault) in faults {
        sim = sim.fault(*endpoint, *nth, *fault);
    }
    sim.add(&[1, 30 * MIB]);
    for event in events {
        match event {
            Event::Step(steps) => {
                for _ in 0..*steps {
                    sim.step();
                }
            }
            Event::Add(size) => {
                sim.add(&[*size]);
            }
            Event::Network(online) => sim.network(if *online { Network::Online } else { Network::Offline }),
            Event::Command(command, key) => {
                let key = FileKey(*key);
                let which = if key.0 == 7 { Which::All } else { Which::One(key) };
                let stopped = matches!(command, 1 | 4 | 5);
                sim.command(match command {
                    0 => Command::Start(which),
                    1 => Command::Pause(which),
                    2 => Command::Resume(which),
                    3 => Command::Retry(which),
                    4 => Command::Cancel(which),
                    _ => Command::Remove(which),
                });
                if stopped && let Which::One(key) = which {
                    assert_eq!(sim.in_flight_of(key), 0, "something flies for a stopped file");
                }
            }
        }
    }
    sim
}

/// How many schedules a property is tried on; `UPDOCK_SCHEDULES` sets another number.
fn schedules() -> u32 {
    std::env::var("UPDOCK_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: schedules(), ..ProptestConfig::default() })]

    #[test]
    fn every_file_ends_in_bounded_time(
        signed in any::<bool>(),
        faults in prop::collection::vec((endpoints(), 1usize..12, any_fault()), 0..12),
        events in events(),
    ) {
        let mut sim = play(signed, &faults, &events);
        sim.network(Network::Online);
        sim.command(Command::Resume(Which::All));
        let begun = sim.now;
        sim.run();
        prop_assert!(sim.all_final(), "{:?}", sim.rows.values().map(|row| &row.state).collect::<Vec<_>>());
        prop_assert!(sim.now.since(begun).0 < 3_600_000, "took {:?}", sim.now.since(begun));
        prop_assert_eq!(sim.engine.in_flight(), 0);
    }

    #[test]
    fn passing_faults_end_in_success(
        signed in any::<bool>(),
        faults in prop::collection::btree_map((endpoints(), 1usize..4), passing(), 0..5),
    ) {
        let faults: Vec<_> = faults.into_iter().map(|((endpoint, nth), fault)| (endpoint, nth, fault)).collect();
        let mut sim = play(signed, &faults, &[]);
        sim.run();
        for row in sim.rows.values() {
            prop_assert!(matches!(row.state, RowState::Done { .. }), "{:?}", row);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_actions(
        signed in any::<bool>(),
        faults in prop::collection::vec((endpoints(), 1usize..12, any_fault()), 0..8),
        events in events(),
    ) {
        let (mut one, mut two) = (play(signed, &faults, &events), play(signed, &faults, &events));
        one.run();
        two.run();
        prop_assert_eq!(one.trace, two.trace);
    }
}
