//! Credentials over time, and attempts again.

use crate::MIB;
use updock_engine::simulator::{Endpoint, Fault, Link, World};
use updock_engine::{Millis, Network, RowState};

fn done(world: &World) -> usize {
    world.rows.values().filter(|row| matches!(row.state, RowState::Done { .. })).count()
}

#[test]
fn a_credential_is_renewed_before_it_ends_so_that_nobody_waits() {
    let mut world = World::signed(|config| config.budget = 2);
    world.service.token_life = 60;
    world.link = Link { latency: Millis(50), bytes_per_second: Some(1_000_000), ..Link::default() };
    world.add(&[5 * MIB; 40]);
    let mut waited = 0;
    while world.step() {
        let waits = |row: &&std::sync::Arc<updock_engine::Row>| {
            row.state == RowState::Waiting(updock_engine::WaitReason::Signing)
        };
        waited += usize::from(world.now > Millis(1_000) && world.rows.values().any(|row| waits(&row)));
    }
    assert_eq!((done(&world), waited), (40, 0));
    assert!((3..=6).contains(&world.times(Endpoint::Credential)), "{}", world.times(Endpoint::Credential));
}

#[test]
fn a_renewal_that_fails_costs_nobody_the_credential_that_is_held() {
    let mut world = World::signed(|config| config.budget = 2);
    world.service.token_life = 60;
    world.link = Link { latency: Millis(50), bytes_per_second: Some(1_000_000), ..Link::default() };
    for nth in 2..=6 {
        world = world.fault(Endpoint::Credential, nth, Fault::Status(500));
    }
    world.add(&[5 * MIB; 20]);
    world.run();
    assert_eq!(done(&world), 20);
}

#[test]
fn no_credential_is_asked_for_that_nobody_needs() {
    let mut world = World::signed(|_| {});
    world.service.token_life = 60;
    world.add(&[1; 3]);
    world.run();
    world.now = Millis::from_seconds(120);
    world.input(updock_engine::Input::Tick);
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Credential)), (3, 1));
}

#[test]
fn a_credential_s_life_counts_from_when_it_was_asked_for() {
    let mut world = World::signed(|config| config.budget = 1);
    world.service.token_life = 20;
    world.link = Link { latency: Millis::from_seconds(10), ..Link::default() };
    world.add(&[600_000; 3]);
    world.run_until(|world| world.times(Endpoint::Base) == 1);
    // It was made ten seconds before it arrived; two are left.
    assert_eq!(world.times(Endpoint::Credential), 1);
    world.run();
    assert_eq!(done(&world), 3);
    assert!(world.times(Endpoint::Credential) >= 2);
}

#[test]
fn the_lost_answer_of_a_start_leaves_one_file() {
    let mut world = World::new(|_| {}).fault(Endpoint::Start, 1, Fault::LostAnswer);
    world.add(&[30 * MIB]);
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Start), world.times(Endpoint::Part)), (1, 2, 6));
    assert_eq!(world.service.files(), 1);
}

#[test]
fn a_completion_that_fails_while_offline_costs_no_attempt() {
    let mut world = World::new(|_| {}).fault(Endpoint::Complete, 1, Fault::Reset);
    for nth in 1..=30 {
        world = world.fault(Endpoint::Info, nth, Fault::Reset);
    }
    let key = world.add(&[30 * MIB])[0];
    world.run_until(|world| world.times(Endpoint::Part) == 6);
    for _ in 0..40 {
        world.run_until(|world| world.engine.in_flight() == 1);
        world.network(Network::Offline);
        while world.engine.in_flight() > 0 && world.step() {}
        world.network(Network::Online);
        if matches!(world.state(key), RowState::Done { .. }) {
            break;
        }
    }
    world.run();
    assert_eq!(done(&world), 1);
}

#[test]
fn a_signer_that_cannot_be_reached_while_offline_costs_no_attempt() {
    let mut world = World::signed(|_| {});
    for nth in 1..=10 {
        world = world.fault(Endpoint::Credential, nth, Fault::Reset);
    }
    world.add(&[1]);
    for _ in 0..10 {
        world.run_until(|world| world.engine.in_flight() == 1);
        world.network(Network::Offline);
        while world.engine.in_flight() > 0 && world.step() {}
        world.network(Network::Online);
    }
    world.run();
    assert_eq!(done(&world), 1);
}

#[test]
fn many_files_that_fail_together_do_not_ask_more_and_more_often() {
    let mut world = World::new(|_| {});
    world.link = Link { latency: Millis(5), ..Link::default() };
    let mut world = world.always(Endpoint::Base, Fault::Status(503));
    world.add(&vec![600_000; 200]);
    world.run_until(|world| world.now > Millis::from_seconds(60));
    // 40 at once and two a second, and as many first attempts as files could begin.
    let sent = world.times(Endpoint::Base);
    assert!(sent <= 40 + 2 * 60 + 12 + 20, "{sent} requests in a minute");
}

#[test]
fn the_last_file_s_credential_is_renewed_too_so_that_another_attempt_need_not_wait() {
    let mut world = World::signed(|_| {});
    world.service.token_life = 60;
    world.link = Link { latency: Millis(50), bytes_per_second: Some(100_000), ..Link::default() };
    world.add(&[9 * MIB]);
    world.run();
    assert_eq!(done(&world), 1);
    assert!(world.times(Endpoint::Credential) > 1);
}

#[test]
fn a_credential_is_renewed_in_time_although_nothing_else_happens() {
    let mut world = World::signed(|_| {}).fault(Endpoint::Start, 1, Fault::Throttled(600));
    world.service.token_life = 100;
    world.add(&[30 * MIB]);
    world.run_until(|world| world.times(Endpoint::Credential) == 2);
    assert!(world.now < Millis::from_seconds(100), "{:?}", world.now);
}

#[test]
fn a_signer_that_refuses_another_credential_is_not_asked_again_while_the_one_that_is_held_serves() {
    let mut world = World::signed(|config| config.budget = 2);
    world.service.token_life = 60;
    world.link = Link { latency: Millis(50), bytes_per_second: Some(1_000_000), ..Link::default() };
    for nth in 2..=100 {
        world = world.fault(Endpoint::Credential, nth, Fault::Status(403));
    }
    world.add(&[5 * MIB; 40]);
    world.run_until(|world| world.now > Millis(53_000));
    assert_eq!(world.times(Endpoint::Credential), 2);
}

#[test]
fn a_credential_is_renewed_for_files_that_wait_for_their_turn() {
    let mut world = World::signed(|config| config.budget = 1);
    world.service.token_life = 60;
    world.link = Link { latency: Millis(50), bytes_per_second: Some(500_000), ..Link::default() };
    let keys = world.add(&[60 * MIB; 2]);
    world.run_until(|world| world.times(Endpoint::Credential) == 2);
    assert!(world.now < Millis(60_000), "{:?}", world.now);
    assert_eq!(world.state(keys[1]), &RowState::Queued);
}
