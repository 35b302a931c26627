//! The engine's promises, as properties over random schedules of faults, commands and links. The simulated world holds
//! the engine to promises 1, 3, 4, 5 and 6 on every step of every schedule, and to 7 after every kill; 2 and 8 are asked
//! for here.

use crate::MIB;
use proptest::prelude::*;
use updock_engine::simulator::{Damage, Endpoint, Fault, Fingerprinting, Journaling, Kill, Link, Then, World};
use updock_engine::{Command, Config, FileKey, Millis, Network, Row, RowState, WhenDone, Which};

fn endpoints() -> impl Strategy<Value = Endpoint> {
    use Endpoint::{Base, Complete, Confirm, Credential, Fetch, Fetching, Group, Info, Part, Start};
    prop::sample::select(vec![Base, Start, Part, Complete, Info, Fetch, Fetching, Group, Credential, Confirm])
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
        Fault::NotReady,
    ])
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => passing(),
        1 => Just(Fault::Truncated),
        1 => Just(Fault::TruncatedLast),
        1 => Just(Fault::ForgottenLast),
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
    AddMany(u8, u64),
    AddUrl(Option<u64>),
    Sleep(u32),
    /// The wall clock jumps, by so many minutes.
    Clock(i32),
    /// The engine dies in the middle of something, after so many actions.
    Kill(usize, Kill),
}

fn damages() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => Just(Damage::None),
        2 => (0usize..40).prop_map(Damage::Cut),
        2 => (0usize..600).prop_map(Damage::Byte),
        1 => Just(Damage::Lost),
    ]
}

fn returns() -> impl Strategy<Value = Then> {
    use Then::{Add, AddChanged, AddForged, Choose, ChooseChanged, Keep, Leave, Open};
    prop::sample::select(vec![
        Add,
        Add,
        Add,
        AddChanged,
        AddForged,
        Choose,
        Choose,
        ChooseChanged,
        Keep,
        Leave,
        Open,
        Open,
    ])
}

fn kills() -> impl Strategy<Value = Event> {
    (0usize..8, any::<u32>(), damages(), returns())
        .prop_map(|(actions, arrive, damage, then)| Event::Kill(actions, Kill { arrive, damage, then }))
}

/// The driver's share: mostly in order.
fn drivers() -> impl Strategy<Value = (Fingerprinting, Journaling)> {
    let fingerprinting = prop_oneof![
        6 => (0u64..60).prop_map(|time| Fingerprinting::Within(Millis(time))),
        1 => Just(Fingerprinting::Within(Millis(90_000))),
        1 => Just(Fingerprinting::Unavailable),
        1 => Just(Fingerprinting::Never),
    ];
    (
        fingerprinting,
        prop::sample::select(vec![Journaling::Works, Journaling::Works, Journaling::Works, Journaling::Fails]),
    )
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = prop_oneof![
        6 => (1u8..20).prop_map(Event::Step),
        3 => (0u8..7, 0u32..8).prop_map(|(command, key)| Event::Command(command, key)),
        1 => any::<bool>().prop_map(Event::Network),
        2 => prop::sample::select(vec![0, 1, 1000, 26 * MIB, 41 * MIB]).prop_map(Event::Add),
        2 => (2u8..60, prop::sample::select(vec![1, 1000, 65_536, 300_000])).prop_map(|(count, size)| Event::AddMany(count, size)),
        1 => prop::option::of(1u64..1_000_000).prop_map(Event::AddUrl),
        1 => (1u32..1_000_000).prop_map(Event::Sleep),
        1 => (80_000_000u32..100_000_000).prop_map(Event::Sleep),
        1 => (-3_000i32..3_000).prop_map(Event::Clock),
        1 => kills(),
    ];
    prop::collection::vec(one, 1..40)
}

/// From a link on which bytes take no time to one of 1 Mbit/s with loss.
fn links() -> impl Strategy<Value = Link> {
    let limited = (1u64..800, prop::sample::select(vec![125_000, 1_250_000, 12_500_000, 125_000_000]), 0u16..20);
    prop_oneof![
        1 => Just(Link::default()),
        2 => limited.prop_map(|(latency, bytes_per_second, loss)| Link {
            latency: Millis(latency),
            bytes_per_second: Some(bytes_per_second),
            loss,
            ..Link::default()
        }),
    ]
}

fn world(signed: bool, link: Link) -> World {
    // A link with an odd delay belongs to a page that wants a group. How small the budget is hangs on the delay too: with
    // a large one there is seldom a request too many.
    let wants = |config: &mut Config| {
        config.budget = 1 + u8::try_from(link.latency.0 / 2 % 8).unwrap_or_default();
        if link.latency.0 % 2 == 1 {
            config.when_done = WhenDone::Group;
        }
    };
    let mut world = if signed { World::signed(wants) } else { World::new(wants) };
    world.link = link;
    world
}

/// The sums are kept as rows change; they must be what the rows add up to.
fn hold_totals(world: &World) {
    let totals = world.engine.totals();
    let snapshot = world.engine.snapshot();
    let count = |is: &dyn Fn(&RowState) -> bool| snapshot.rows.iter().filter(|row| is(&row.state)).count() as u64;
    let sum = |of: &dyn Fn(&Row) -> u64| {
        let counted = |row: &&std::sync::Arc<Row>| !matches!(row.state, RowState::Rejected(_));
        snapshot.rows.iter().filter(counted).map(|row| of(row)).sum::<u64>()
    };
    let under_way = |state: &RowState| {
        use RowState::{Checking, Processing, Queued, Retrying, Uploading, Waiting};
        matches!(state, Checking | Queued | Uploading | Waiting(_) | Retrying { .. } | Processing)
    };
    let counts =
        [totals.files, totals.rejected, totals.done, totals.failed, totals.paused, totals.active, totals.needs_file];
    let expected = [
        count(&|_| true),
        count(&|state| matches!(state, RowState::Rejected(_))),
        count(&|state| matches!(state, RowState::Done { .. })),
        count(&|state| matches!(state, RowState::Failed(_))),
        count(&|state| *state == RowState::Paused),
        count(&under_way),
        count(&|state| matches!(state, RowState::NeedsFile(_))),
    ];
    assert_eq!(counts.map(u64::from), expected);
    assert_eq!((totals.bytes, totals.sent), (sum(&|row| row.size), sum(&|row| row.sent)));
}

fn play(mut world: World, faults: &[(Endpoint, usize, Fault)], events: &[Event]) -> World {
    for (endpoint, nth, fault) in faults {
        world = world.fault(*endpoint, *nth, *fault);
    }
    world.add(&[1, 30 * MIB]);
    for event in events {
        hold_totals(&world);
        match event {
            Event::Step(steps) => {
                for _ in 0..*steps {
                    world.step();
                }
            }
            Event::Add(size) => {
                world.add(&[*size]);
            }
            Event::Clock(minutes) => world.wall_clock(i64::from(*minutes) * 60_000),
            Event::Kill(actions, kill) => {
                world.dies_after(*actions);
                for _ in 0..*actions {
                    world.step();
                }
                world.kill(*kill);
            }
            Event::AddMany(count, size) => {
                // Each of another size, so that one's answer cannot pass for another's.
                world.add(&(0..u64::from(*count)).map(|at| size + at).collect::<Vec<_>>());
            }
            Event::AddUrl(size) => {
                world.add_url("http://source/film.mp4", size.ok_or("DownloadFileHTTPServerError"));
            }
            Event::Sleep(time) => world.sleep(Millis(u64::from(*time))),
            Event::Network(online) => world.network(if *online { Network::Online } else { Network::Offline }),
            Event::Command(command, key) => {
                let key = FileKey(*key);
                let which = if key.0 == 7 { Which::All } else { Which::One(key) };
                let stopped = matches!(command, 1 | 4 | 5);
                world.command(match command {
                    0 => Command::Start(which),
                    1 => Command::Pause(which),
                    2 => Command::Resume(which),
                    3 => Command::Retry(which),
                    4 => Command::Cancel(which),
                    6 => Command::First(which),
                    _ => Command::Remove(which),
                });
                if stopped && let Which::One(key) = which {
                    assert_eq!(world.in_flight_of(key), 0, "something flies for a stopped file");
                }
            }
        }
    }
    world
}

/// How many schedules a property is tried on; `UPDOCK_SCHEDULES` sets another number.
pub(crate) fn schedules() -> u32 {
    std::env::var("UPDOCK_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: schedules(), ..ProptestConfig::default() })]

    #[test]
    fn promise_2_every_file_ends_in_bounded_time(
        signed in any::<bool>(),
        link in links(),
        faults in prop::collection::vec((endpoints(), 1usize..12, any_fault()), 0..12),
        events in events(),
    ) {
        let mut world = play(world(signed, link), &faults, &events);
        world.network(Network::Online);
        world.command(Command::Resume(Which::All));
        let begun = world.now;
        world.run();
        prop_assert!(world.all_final(), "{:?}", world.rows.values().map(|row| &row.state).collect::<Vec<_>>());
        // An hour of waits at most, and each byte twenty times over at the speed of one connection.
        let bytes: u64 = world.rows.values().map(|row| row.size).sum();
        let most = 3_600_000 + bytes.saturating_mul(20_000) / link.rate(1);
        prop_assert!(world.now.since(begun).0 < most, "took {:?} of {most}", world.now.since(begun));
        prop_assert_eq!(world.engine.in_flight(), 0);
    }

    #[test]
    fn promise_2_passing_faults_end_in_success(
        signed in any::<bool>(),
        link in links(),
        faults in prop::collection::btree_map((endpoints(), 1usize..4), passing(), 0..5),
    ) {
        let faults: Vec<_> = faults.into_iter().map(|((endpoint, nth), fault)| (endpoint, nth, fault)).collect();
        let mut world = play(world(signed, link), &faults, &[]);
        world.run();
        for row in world.rows.values() {
            prop_assert!(matches!(row.state, RowState::Done { .. }), "{:?}", row);
        }
    }

    #[test]
    fn promise_7_a_new_engine_from_the_journal_keeps_the_others(
        signed in any::<bool>(),
        link in links(),
        driver in drivers(),
        faults in prop::collection::vec((endpoints(), 1usize..12, any_fault()), 0..6),
        lives in prop::collection::vec((events(), kills()), 1..4),
    ) {
        let mut world = world(signed, link);
        (world.fingerprinting, world.journaling) = driver;
        let events: Vec<Event> = lives.into_iter().flat_map(|(events, kill)| events.into_iter().chain([kill])).collect();
        let mut world = play(world, &faults, &events);
        world.network(Network::Online);
        world.command(Command::Resume(Which::All));
        world.run();
        prop_assert!(world.all_final(), "{:?}", world.rows.values().map(|row| &row.state).collect::<Vec<_>>());
        prop_assert_eq!(world.engine.in_flight(), 0);
    }

    #[test]
    fn promise_7_after_a_kill_at_most_what_was_in_flight_is_sent_again(
        signed in any::<bool>(),
        link in links(),
        lives in prop::collection::vec((0usize..60, kills(), prop::sample::select(vec![Then::Add, Then::Choose, Then::Open])), 1..4),
    ) {
        let mut world = world(signed, link);
        let sizes = [26 * MIB, 1000, 41 * MIB];
        world.add(&sizes);
        for (steps, kill, then) in lives {
            for _ in 0..steps {
                world.step();
            }
            let Event::Kill(actions, kill) = kill else { unreachable!("a kill") };
            world.dies_after(actions);
            for _ in 0..actions {
                world.step();
            }
            world.kill(Kill { damage: Damage::None, then, ..kill });
        }
        world.run();
        prop_assert!(world.all_final());
        let done = world.rows.values().all(|row| matches!(row.state, RowState::Done { .. }));
        prop_assert!(done, "{:?}", world.rows);
        let sent = world.sent.iter().filter(|sent| sent.endpoint == Endpoint::Part).count();
        let parts = 6 + 9 + world.excused.parts;
        prop_assert!(sent <= parts, "{sent} parts of at most {parts}");
        let begun = world.sent.iter().filter(|sent| sent.endpoint == Endpoint::Start).count();
        let starts = 2 + world.excused.starts;
        prop_assert!(begun <= starts, "{begun} starts of at most {starts}");
    }

    #[test]
    fn promise_8_the_same_inputs_give_the_same_actions(
        signed in any::<bool>(),
        link in links(),
        faults in prop::collection::vec((endpoints(), 1usize..12, any_fault()), 0..8),
        events in events(),
    ) {
        let once = || play(world(signed, link).recording(), &faults, &events);
        let (mut one, mut two) = (once(), once());
        one.run();
        two.run();
        prop_assert_eq!(one.trace, two.trace);
    }
}
