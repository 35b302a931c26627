//! How long something waits before it is tried again, and what it costs.

use crate::MIB;
use updock_engine::simulator::{Endpoint, Fault, World};
use updock_engine::{Cause, Event, Failure, FileKey, Input, Millis, Network, Pacing, RequestId, RowState};

fn done(world: &World, key: FileKey) -> bool {
    matches!(world.state(key), RowState::Done { .. })
}

/// How long a file's attempts waited, in their order.
fn waits(world: &World, key: FileKey) -> Vec<u64> {
    let wait = |what: &Event| if let Event::Again { wait, .. } = what { Some(wait.0) } else { None };
    let story = world.engine.story(key).expect("it is in the list");
    story.moments.iter().filter_map(|moment| wait(&moment.what)).collect()
}

/// When requests to an endpoint were sent.
fn times(world: &World, endpoint: Endpoint) -> Vec<u64> {
    world.sent.iter().filter(|sent| sent.endpoint == endpoint).map(|sent| sent.at.0).collect()
}

#[test]
fn the_second_wait_is_up_to_twice_as_long_as_the_first() {
    // Files that travel alone, and the six parts of one.
    for (endpoint, sizes, each) in [(Endpoint::Base, vec![600_000; 8], 1), (Endpoint::Part, vec![30 * MIB], 6)] {
        let mut world = World::new(|config| config.pacing = Pacing::Steady(8)).always(endpoint, Fault::Reset);
        let keys = world.add(&sizes);
        world.run_until(|world| keys.iter().all(|key| waits(world, *key).len() >= 2 * each));
        let (mut first, mut second) = (0, 0);
        for waits in keys.iter().map(|key| waits(&world, *key)) {
            first = first.max(waits[..each].iter().copied().max().unwrap_or(0));
            second = second.max(waits[each..2 * each].iter().copied().max().unwrap_or(0));
        }
        assert!((250..=500).contains(&first) && (501..=1_000).contains(&second), "{sizes:?}: {first} and {second}");
    }
}

#[test]
fn files_that_share_a_request_wait_as_long_as_those_that_travel_alone() {
    let mut world = World::new(|config| config.pacing = Pacing::Steady(1)).always(Endpoint::Base, Fault::Reset);
    let keys = world.add(&[60_000; 16]);
    world.run_until(|world| keys.iter().all(|key| waits(world, *key).len() >= 5));
    let all: Vec<_> = keys.iter().map(|key| waits(&world, *key)).collect();
    let longer = |nth: usize| all.iter().any(|waits| waits[nth] > 250 << nth);
    let within = |nth: usize| all.iter().all(|waits| waits[nth] <= 500 << nth);
    assert!((0..5).all(within) && (1..5).any(longer), "{all:?}");
}

#[test]
fn what_fails_all_at_once_is_tried_again_two_a_second() {
    let mut world = World::new(|_| {});
    world.link.latency = Millis(5);
    for nth in 1..=90 {
        world = world.fault(Endpoint::Part, nth, Fault::Status(500));
    }
    let key = world.add(&[1024 * MIB])[0];
    world.run();
    assert!(done(&world, key));
    // Forty at once; what came through meanwhile has given some back.
    let parts = times(&world, Endpoint::Part);
    let within = |seconds: u64| parts.iter().filter(|at| **at < seconds * 1_000).count() - 90;
    assert!((30..=60).contains(&within(2)), "{} in two seconds", within(2));
    assert_eq!(parts.len(), 180);
}

#[test]
fn a_server_that_asks_to_wait_costs_nothing_of_what_may_be_tried_again() {
    let mut world = World::new(|_| {});
    for nth in 1..=100 {
        world = world.fault(Endpoint::Base, nth, Fault::Throttled(0));
    }
    world = world.fault(Endpoint::Base, 101, Fault::Status(503));
    let keys = world.add(&[600_000; 12]);
    world.run();
    assert!(keys.iter().all(|key| done(&world, *key)));
    let waited: Vec<u64> = keys.iter().flat_map(|key| waits(&world, *key)).collect();
    assert!(waited.len() == 1 && waited[0] <= 500, "{waited:?}");
}

#[test]
fn what_failed_for_want_of_a_network_goes_at_once_when_it_is_back_and_nothing_else_does() {
    for (endpoint, size, many) in [(Endpoint::Base, 1_000, 1), (Endpoint::Part, 30 * MIB, 6)] {
        for (fault, goes) in [(Fault::Reset, true), (Fault::Silence, true), (Fault::Status(500), false)] {
            let mut world = World::new(|_| {});
            for nth in 1..=many {
                world = world.fault(endpoint, nth, fault);
            }
            let key = world.add(&[size])[0];
            let broken = |world: &World| world.times(endpoint) == many && world.in_flight(endpoint) == 0;
            world.run_until(broken);
            assert!(matches!(world.state(key), RowState::Retrying { .. }), "{:?}", world.state(key));
            world.network(Network::Online);
            assert_eq!(world.in_flight(endpoint) > 0, goes, "{endpoint:?} {fault:?}");
            world.run();
            assert!(done(&world, key));
        }
    }
}

#[test]
fn a_file_that_is_not_ready_is_looked_at_ever_less_often_and_given_up() {
    let mut world = World::new(|_| {}).always(Endpoint::Info, Fault::NotReady);
    world.link.latency = Millis(0);
    let key = world.add(&[1])[0];
    world.run();
    assert_eq!(world.state(key), &RowState::Failed(Failure::NotReady));
    let looks = times(&world, Endpoint::Info);
    let gaps: Vec<u64> = looks.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(gaps[..7], [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    assert_eq!((looks.len(), gaps.iter().max()), (61, Some(&5_000)));

    let mut world = World::new(|_| {});
    for nth in 1..=60 {
        world = world.fault(Endpoint::Info, nth, Fault::NotReady);
    }
    let key = world.add(&[1])[0];
    world.run();
    assert!(done(&world, key), "ready in the end: {:?}", world.state(key));
}

#[test]
fn a_file_that_was_there_and_is_not_any_more_is_lost_and_one_that_never_was_is_given_up() {
    let mut world = World::new(|_| {}).always(Endpoint::Info, Fault::Status(404));
    let key = world.add(&[1])[0];
    world.run();
    assert_eq!(world.state(key), &RowState::Failed(Failure::Lost));
    assert_eq!(world.times(Endpoint::Info), 14);

    let mut world = World::new(|_| {}).always(Endpoint::Complete, Fault::Reset);
    let key = world.add(&[30 * MIB])[0];
    world.run();
    assert_eq!(world.state(key), &RowState::Failed(Failure::GaveUp(Cause::Server(404))));
    assert_eq!((world.times(Endpoint::Complete), world.times(Endpoint::Info)), (7, 7));
}

#[test]
fn a_body_that_stands_still_is_broken_off_however_often_that_is_told() {
    let mut world = World::new(|_| {});
    world.link.latency = Millis(600_000);
    world.add(&[600_000]);
    for (at, sent, ends) in [(0, 1, 30_000), (10_000, 1, 30_000), (20_000, 1, 30_000), (29_000, 2, 59_000)] {
        world.now = Millis(at);
        world.input(Input::Progressed { request: RequestId(1), sent });
        assert_eq!(world.engine.deadline(), Some(Millis(ends)), "{sent} bytes at {at}");
    }
}

#[test]
fn a_wait_that_is_over_is_not_shown() {
    let mut world = World::new(|_| {}).fault(Endpoint::Base, 1, Fault::Status(500));
    let key = world.add(&[1_000])[0];
    world.run_until(|world| matches!(world.state(key), RowState::Retrying { .. }));
    let RowState::Retrying { at, .. } = *world.state(key) else { panic!("{:?}", world.state(key)) };
    world.input(Input::Budget(0));
    world.now = at;
    world.network(Network::Online);
    assert_eq!(world.state(key), &RowState::Uploading);
}
