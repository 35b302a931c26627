//! Which file goes first, and how many requests go at a time.

use crate::{ALL, MIB};
use proptest::prelude::*;
use updock_engine::simulator::{Endpoint, Fault, Link, World};
use updock_engine::{Command, FileKey, Input, Millis, Pacing, RowState, Start, Which};

fn done(world: &World, key: FileKey) -> bool {
    matches!(world.state(key), RowState::Done { .. })
}

/// Files in the order in which they were done.
fn finish(world: &mut World) -> Vec<FileKey> {
    let mut order = Vec::new();
    while world.step() {
        for key in world.rows.keys() {
            if done(world, *key) && !order.contains(key) {
                order.push(*key);
            }
        }
    }
    order
}

fn slow(world: &mut World) {
    world.link = Link { bytes_per_second: Some(1_250_000), ..Link::default() };
}

#[test]
fn small_files_go_first() {
    let mut world = World::new(|_| {});
    slow(&mut world);
    let keys = world.add(&[100 * MIB, 60 * MIB, MIB, 3 * MIB]);
    assert_eq!(finish(&mut world), [keys[2], keys[3], keys[1], keys[0]]);
}

#[test]
fn a_large_file_is_not_passed_by_small_ones_for_ever() {
    let mut world = World::new(|config| config.budget = 2);
    slow(&mut world);
    let large = world.add(&[30 * MIB])[0];
    let mut small = 0;
    while !done(&world, large) {
        // There is always another small file.
        if world.engine.totals().active < 6 {
            world.add(&[300 * 1024]);
            small += 1;
        }
        assert!(world.step());
        assert!(small < 300, "{small} small files went before it");
    }
    assert!(small > 80, "only {small} small files had a turn beside it");
}

#[test]
fn a_small_file_does_not_wait_for_a_part_of_a_large_one() {
    let mut world = World::new(|_| {});
    world.link = Link { bytes_per_second: Some(250_000), ..Link::default() };
    world.add(&[100 * MIB]);
    world.run_until(|world| world.times(Endpoint::Start) == 1 && world.now > Millis(20_000));
    let added = world.now;
    let key = world.add(&[10_000])[0];
    world.run_until(|world| done(world, key));
    assert!(world.now.since(added) < Millis(2_000), "{:?}", world.now.since(added));
}

#[test]
fn what_a_person_wants_first_goes_first() {
    let mut world = World::new(|config| config.budget = 2);
    slow(&mut world);
    let keys = world.add(&[20 * MIB; 5]);
    world.command(Command::First(Which::One(keys[4])));
    world.run();
    let sent: Vec<_> = world.sent.iter().filter_map(|sent| sent.file).collect();
    assert_eq!(sent, [keys[0], keys[1], keys[4], keys[2], keys[3]]);

    let mut world = World::new(|config| config.budget = 1);
    slow(&mut world);
    let keys = world.add(&[30 * MIB, MIB, MIB]);
    world.command(Command::Pause(ALL));
    world.command(Command::First(Which::One(keys[0])));
    world.command(Command::Resume(ALL));
    assert_eq!(finish(&mut world)[0], keys[0]);
}

#[test]
fn files_change_places_in_the_list() {
    let mut world = World::new(|config| config.start = Start::OnCommand);
    let keys = world.add(&[1, 2, 3, 4]);
    let list = |world: &World| world.engine.snapshot().rows.iter().map(|row| row.size).collect::<Vec<_>>();
    for (file, before, expected) in [
        (keys[3], Some(keys[1]), [1, 4, 2, 3]),
        (keys[0], None, [4, 2, 3, 1]),
        (keys[2], Some(keys[2]), [4, 2, 3, 1]),
        (FileKey(9), Some(keys[0]), [4, 2, 3, 1]),
        (keys[3], Some(FileKey(9)), [2, 3, 1, 4]),
    ] {
        world.input(Input::Moved { file, before });
        assert_eq!(list(&world), expected, "{file:?} before {before:?}");
    }
    world.command(Command::Remove(Which::One(keys[0])));
    assert_eq!(list(&world), [2, 3, 4]);
    world.input(Input::Moved { file: keys[1], before: Some(keys[0]) });
    assert_eq!(list(&world), [3, 4, 2], "before a row that has left is the end");
}

#[test]
fn a_refusal_for_want_of_capacity_lowers_the_pace_and_it_grows_again() {
    for fault in [Fault::Status(503), Fault::Throttled(1)] {
        let mut world = World::new(|_| {}).fault(Endpoint::Part, 20, fault);
        let file = world.add(&[2000 * MIB])[0];
        let most = |world: &mut World, until: usize| {
            let mut most = 0;
            while world.times(Endpoint::Part) < until && world.step() {
                most = most.max(world.in_flight_of(file));
            }
            most
        };
        assert_eq!(most(&mut world, 20), 6, "{fault:?}");
        // The wait after a 429 lets all that were in flight end.
        assert!(most(&mut world, 27) < 7, "{fault:?}");
        assert_eq!(most(&mut world, 240), 6, "{fault:?}");
        world.run();
        assert!(done(&world, file));
    }
}

#[test]
fn a_person_who_saves_data_has_two_requests_at_a_time() {
    let mut world = World::new(|config| config.pacing = Pacing::Saver);
    world.add(&[60 * MIB, 1, 1, 1]);
    while world.step() {
        assert!(world.engine.in_flight() <= 2);
    }
    assert!(world.all_final());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The world holds the engine to its budget on every step.
    #[test]
    fn promise_6_the_budget_is_never_passed_and_what_the_server_takes_is_found(
        budget in 1u8..20,
        at_once in prop::option::of(1usize..6),
        pacing in prop::sample::select(vec![Pacing::Adaptive, Pacing::Saver, Pacing::Steady(3)]),
        latency in 1u64..300,
        bytes_per_second in prop::option::of(prop::sample::select(vec![1_250_000u64, 12_500_000, 125_000_000])),
        jitter in 0u64..50,
        sizes in prop::collection::vec(prop::sample::select(vec![1, 100_000, 3 * MIB, 30 * MIB, 130 * MIB]), 1..8),
    ) {
        let mut world = World::new(|config| (config.budget, config.pacing) = (budget, pacing));
        let (latency, jitter) = (Millis(latency), Millis(jitter));
        world.link = Link { latency, bytes_per_second, jitter, ..Link::default() };
        // A fixed number is sent whether the server takes it or not.
        world.service.at_once = at_once.filter(|_| pacing != Pacing::Steady(3));
        world.add(&sizes);
        world.run();
        for row in world.rows.values() {
            prop_assert!(matches!(row.state, RowState::Done { .. }), "{:?}", row);
        }
    }
}

#[test]
fn where_answers_come_late_because_requests_queue_up_fewer_go_at_a_time() {
    let mut world = World::new(|_| {});
    let (latency, queue) = (Millis(40), Millis(2_000));
    world.link = Link { latency, queue, bytes_per_second: Some(2_500_000), ..Link::default() };
    let key = world.add(&[1024 * MIB])[0];
    world.run_until(|world| world.rows[&key].sent > 700 * MIB);
    let mut most = 0;
    while world.rows[&key].sent < 800 * MIB {
        most = most.max(world.in_flight(Endpoint::Part));
        world.step();
    }
    assert!((1..6).contains(&most), "{most} parts at a time");
}

#[test]
fn of_files_alike_the_first_is_finished_before_the_next_is_begun() {
    let mut world = World::new(|config| config.budget = 1);
    world.add(&[30 * MIB; 3]);
    world.run();
    let ends = |sent: &&updock_engine::simulator::Sent| matches!(sent.endpoint, Endpoint::Start | Endpoint::Complete);
    let order: Vec<_> = world.sent.iter().filter(ends).map(|sent| sent.endpoint).collect();
    assert_eq!(order, [Endpoint::Start, Endpoint::Complete].repeat(3));
}

#[test]
fn what_is_almost_there_is_finished_before_what_a_person_wants_first() {
    let mut world = World::new(|config| config.budget = 1);
    let keys = world.add(&[60 * MIB, 30 * MIB]);
    world.run_until(|world| world.times(Endpoint::Part) == 5 && world.in_flight_of(keys[1]) == 1);
    world.command(Command::First(Which::One(keys[0])));
    world.run();
    let ends = |sent: &&updock_engine::simulator::Sent| matches!(sent.endpoint, Endpoint::Start | Endpoint::Complete);
    let order: Vec<_> = world.sent.iter().filter(ends).map(|sent| sent.endpoint).collect();
    assert_eq!(order, [Endpoint::Start, Endpoint::Complete].repeat(2));
}

#[test]
fn a_signer_that_has_too_much_to_do_does_not_slow_the_uploads() {
    let mut world = World::signed(|_| {});
    world.add(&[600_000; 100]);
    world.run();
    let mut world = (1..=8).fold(world, |world, nth| {
        let nth = world.times(Endpoint::Confirm) + nth;
        world.fault(Endpoint::Confirm, nth, Fault::Status(503))
    });
    world.add(&[600_000; 8]);
    world.run();
    world.add(&[600_000; 20]);
    assert_eq!(world.in_flight(Endpoint::Base), 8);
}

#[test]
fn answers_that_make_no_sense_open_nothing() {
    for fault in [Fault::Html, Fault::Reset] {
        let mut world = World::new(|_| {}).always(Endpoint::Base, fault);
        // So small that nobody listens to how they leave.
        world.add(&[1_000; 60]);
        let mut most = 0;
        while world.times(Endpoint::Base) < 60 && world.step() {
            most = most.max(world.engine.in_flight());
        }
        assert_eq!(most, 5, "{fault:?}");
    }
}

#[test]
fn a_line_that_is_not_used_teaches_nothing() {
    let mut world = World::new(|_| {});
    for nth in 1..=3 {
        world = world.fault(Endpoint::Base, nth, Fault::Status(503));
    }
    world.add(&[600_000; 5]);
    world.run();
    for _ in 0..200 {
        world.add(&[600_000]);
        world.run();
    }
    world.add(&[600_000; 20]);
    assert_eq!(world.in_flight(Endpoint::Base), 2, "as many as the server took when it had enough to do");
}

#[test]
fn late_answers_lower_the_pace_by_one_at_a_time() {
    let mut world = World::new(|_| {});
    let (latency, queue) = (Millis(40), Millis(2_000));
    world.link = Link { latency, queue, bytes_per_second: Some(2_500_000), ..Link::default() };
    world.add(&[1024 * MIB]);
    let (mut before, mut least, mut sent) = (0, 6, 0);
    while least > 3 && world.step() {
        if world.times(Endpoint::Complete) == 0 && world.sent.len() > sent {
            sent = world.sent.len();
            let parts = world.in_flight(Endpoint::Part);
            assert!(before == 0 || before <= parts + 1, "from {before} to {parts} at {:?}", world.now);
            before = parts;
            if parts > 0 && sent > 20 {
                least = least.min(parts);
            }
        }
    }
    assert_eq!(least, 3);
}

#[test]
fn parts_are_cut_by_what_the_line_carries_however_often_a_body_is_heard_of() {
    let mut world = World::new(|_| {});
    world.link = Link { latency: Millis(100), bytes_per_second: Some(125_000_000), ..Link::default() };
    world.add(&[1024 * MIB]);
    world.run();
    let key = world.add(&[1536 * MIB])[0];
    let parts = |world: &World| {
        let story = world.engine.story(key).expect("it is in the list");
        story.moments.iter().find_map(|moment| match moment.what {
            updock_engine::Event::Started { parts } => Some(parts),
            _ => None,
        })
    };
    world.run_until(|world| parts(world).is_some());
    assert_eq!(parts(&world), Some(96));
}
