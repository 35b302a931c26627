//! What the engine does, told by stories in virtual time.

use crate::{ALL, MIB};
use updock_engine::simulator::{Endpoint, Fault, Link, World};
use updock_engine::{
    Answer, Cause, Command, CredentialSource, Failure, Input, Millis, Network, RowState, Start, Stir, Store,
    WaitReason, Which,
};
use updock_types::policy::{AcceptRule, Refusal, UploadPolicy};

fn done(world: &World) -> usize {
    world.rows.values().filter(|row| matches!(row.state, RowState::Done { .. })).count()
}

#[test]
fn a_small_file_travels_in_one_request_and_is_inspected() {
    let mut world = World::new(|_| {});
    let keys = world.add(&[3]);
    world.run();
    assert!(matches!(world.state(keys[0]), RowState::Done { stored: true, confirmed: false, .. }));
    let asked: Vec<_> = world.sent.iter().map(|sent| sent.endpoint).collect();
    assert_eq!(asked, [Endpoint::Base, Endpoint::Info]);
}

#[test]
fn a_large_file_travels_in_parts_and_is_confirmed_by_the_signer() {
    let mut world = World::signed(|config| config.store = Store::Never);
    let keys = world.add(&[150 * MIB]);
    world.run();
    assert!(matches!(world.state(keys[0]), RowState::Done { confirmed: true, .. }));
    assert_eq!(world.times(Endpoint::Part), 30);
    assert_eq!((world.times(Endpoint::Credential), world.times(Endpoint::Confirm)), (1, 1));
}

#[test]
fn one_credential_serves_all_files_that_wait() {
    let mut world = World::signed(|_| {});
    world.add(&[1; 40]);
    world.run();
    assert_eq!(done(&world), 40);
    assert_eq!(world.times(Endpoint::Credential), 1);
}

#[test]
fn a_credential_is_not_overdrawn() {
    let mut world = World::signed(|_| {});
    world.service.token_operations = Some(3);
    world.add(&[1; 10]);
    world.run();
    assert_eq!(done(&world), 10);
    assert_eq!(world.times(Endpoint::Credential), 4);
}

#[test]
fn an_expired_credential_is_replaced_and_the_upload_goes_on() {
    for code in ["AccessTokenExpiredError", "OperationsLimitExceededError", "SignatureExpirationError"] {
        let mut world = World::signed(|_| {}).fault(Endpoint::Base, 1, Fault::Code(401, code));
        world.add(&[1]);
        world.run();
        assert_eq!((done(&world), world.times(Endpoint::Credential)), (1, 2), "{code}");
    }
}

#[test]
fn a_credential_that_the_service_never_takes_is_a_failure_with_its_sentence() {
    let mut world = World::signed(|_| {}).always(Endpoint::Base, Fault::Code(403, "SignatureInvalidError"));
    let keys = world.add(&[1]);
    world.run();
    let detail = "A sentence.".into();
    assert_eq!(world.state(keys[0]), &RowState::Failed(Failure::CredentialRefused { detail }));
    assert_eq!(world.times(Endpoint::Base), 3);
}

#[test]
fn a_signer_that_is_down_is_asked_again_and_then_said_to_be() {
    for (fault, cause) in [
        (Fault::Status(500), Cause::Server(500)),
        (Fault::Html, Cause::Nonsense),
        (Fault::Silence, Cause::Timeout),
        (Fault::Reset, Cause::Network),
    ] {
        let mut world = World::signed(|_| {}).always(Endpoint::Credential, fault);
        let keys = world.add(&[1, 30 * MIB]);
        world.run();
        for key in keys {
            assert_eq!(world.state(key), &RowState::Failed(Failure::CredentialUnavailable { cause }), "{fault:?}");
        }
        assert!(world.now < Millis::from_seconds(120), "{fault:?} took {:?}", world.now);
    }
}

#[test]
fn a_failed_file_can_be_retried_once_the_signer_is_back() {
    let mut world = World::signed(|_| {});
    for nth in 1..=5 {
        world = world.fault(Endpoint::Credential, nth, Fault::Status(500));
    }
    let keys = world.add(&[1]);
    world.run();
    assert!(matches!(world.state(keys[0]), RowState::Failed(_)));
    world.command(Command::Retry(Which::One(keys[0])));
    world.run();
    assert_eq!(done(&world), 1);
}

#[test]
fn a_failed_part_is_sent_again_and_no_other() {
    for fault in [Fault::Status(500), Fault::Status(503), Fault::Reset, Fault::LostAnswer, Fault::Silence, Fault::Html]
    {
        let mut world = World::new(|_| {}).fault(Endpoint::Part, 3, fault);
        world.add(&[30 * MIB]);
        world.run();
        assert_eq!(done(&world), 1, "{fault:?}");
        assert_eq!(world.times(Endpoint::Part), 7, "{fault:?}");
    }
}

#[test]
fn a_throttled_part_waits_as_long_as_the_service_asked() {
    let mut world = World::new(|_| {}).fault(Endpoint::Part, 2, Fault::Throttled(7));
    let keys = world.add(&[30 * MIB]);
    world.run_until(|world| matches!(world.rows[&keys[0]].state, RowState::Waiting(WaitReason::Throttled(_))));
    world.run();
    assert_eq!(done(&world), 1);
    let second: Vec<_> = world.sent.iter().filter(|sent| sent.part == Some(1)).map(|sent| sent.at).collect();
    assert_eq!(second.len(), 2);
    assert!(second[1].since(second[0]) >= Millis(7_000));
}

#[test]
fn one_403_costs_one_part() {
    let mut world = World::new(|_| {}).fault(Endpoint::Part, 4, Fault::Status(403));
    world.add(&[30 * MIB]);
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Start), world.times(Endpoint::Part)), (1, 1, 7));
}

#[test]
fn a_part_url_that_expired_starts_the_upload_anew() {
    // Of six parts: another one meanwhile, and the same one again.
    for refused in [[4, 5], [4, 7]] {
        let refuse = |world: World, nth| world.fault(Endpoint::Part, nth, Fault::Status(403));
        let mut world = refused.into_iter().fold(World::new(|_| {}), refuse);
        world.add(&[30 * MIB]);
        world.run();
        assert_eq!((done(&world), world.times(Endpoint::Start)), (1, 2), "{refused:?}");
        // Once each, but for the one that was tried again, and then the second upload's.
        assert!(world.times(Endpoint::Part) <= 6 + 1 + 6, "{refused:?}: {} parts", world.times(Endpoint::Part));
    }
}

#[test]
fn a_lost_answer_of_completion_is_looked_up_before_anything_is_done_twice() {
    let mut world = World::new(|_| {}).fault(Endpoint::Complete, 1, Fault::LostAnswer);
    world.add(&[30 * MIB]);
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Complete), world.times(Endpoint::Part)), (1, 1, 6));

    let mut world = World::new(|_| {}).fault(Endpoint::Complete, 1, Fault::Reset);
    world.add(&[30 * MIB]);
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Complete), world.times(Endpoint::Part)), (1, 2, 6));
}

#[test]
fn a_server_that_keeps_fewer_bytes_is_never_a_success() {
    for endpoint in [Endpoint::Base, Endpoint::Complete] {
        for signed in [false, true] {
            let world = if signed { World::signed(|_| {}) } else { World::new(|_| {}) };
            let mut world = world.always(endpoint, Fault::Truncated);
            let size = if endpoint == Endpoint::Base { 1000 } else { 30 * MIB };
            let keys = world.add(&[size]);
            world.run();
            assert_eq!(world.state(keys[0]), &RowState::Failed(Failure::SizeDiffers { stored: size / 2 }));
        }
    }
}

#[test]
fn a_refused_key_fails_the_file_and_says_so() {
    let mut world = World::new(|_| {}).always(Endpoint::Base, Fault::Code(403, "ProjectPublicKeyInvalidError"));
    let keys = world.add(&[1]);
    world.run();
    assert!(matches!(world.state(keys[0]), RowState::Failed(Failure::KeyRefused { .. })));
    assert_eq!(world.times(Endpoint::Base), 1);
}

#[test]
fn a_file_that_vanished_fails_and_the_others_go_on() {
    let mut world = World::new(|_| {}).fault(Endpoint::Base, 2, Fault::Unreadable);
    world.add(&[1, 2, 3, 4]);
    world.run();
    assert_eq!(done(&world), 3);
    assert_eq!(world.rows.values().filter(|row| row.state == RowState::Failed(Failure::Unreadable)).count(), 1);
}

#[test]
fn a_service_that_stays_away_is_given_up_in_bounded_time() {
    let mut world = World::new(|_| {}).always(Endpoint::Base, Fault::Reset);
    let keys = world.add(&[1]);
    world.run();
    assert_eq!(world.state(keys[0]), &RowState::Failed(Failure::GaveUp(Cause::Network)));
    assert!(world.times(Endpoint::Base) <= 14);
    assert!(world.now < Millis::from_seconds(200));
}

#[test]
fn nothing_is_sent_while_offline_and_everything_goes_on_after() {
    let mut world = World::new(|_| {});
    world.network(Network::Offline);
    let keys = world.add(&[1, 30 * MIB]);
    world.run();
    assert!(world.sent.is_empty());
    assert_eq!(world.state(keys[0]), &RowState::Queued);
    world.network(Network::Online);
    world.run();
    assert_eq!(done(&world), 2);
}

#[test]
fn losing_the_network_costs_no_attempt() {
    let mut world = World::new(|_| {});
    for nth in 1..=42 {
        world = world.fault(Endpoint::Part, nth, Fault::Reset);
    }
    let keys = world.add(&[30 * MIB]);
    world.run_until(|world| world.times(Endpoint::Start) == 1);
    for _ in 0..7 {
        world.network(Network::Offline);
        while world.in_flight_of(keys[0]) > 0 && world.step() {}
        assert_eq!(world.state(keys[0]), &RowState::Waiting(WaitReason::Offline));
        world.network(Network::Online);
    }
    world.run();
    assert_eq!(done(&world), 1);
}

#[test]
fn a_cancelled_file_sends_nothing_more_and_can_be_taken_up() {
    let mut world = World::new(|_| {});
    let keys = world.add(&[60 * MIB]);
    world.run_until(|world| world.times(Endpoint::Part) == 5);
    world.command(Command::Cancel(Which::One(keys[0])));
    assert_eq!(world.in_flight_of(keys[0]), 0);
    assert_eq!(world.state(keys[0]), &RowState::Failed(Failure::Cancelled));
    let sent = world.sent.len();
    world.run();
    assert_eq!(world.sent.len(), sent);
    world.command(Command::Retry(ALL));
    world.run();
    assert_eq!(done(&world), 1);
    assert_eq!(world.times(Endpoint::Start), 1, "finished parts are kept");
    assert_eq!(world.times(Endpoint::Part), 12);
}

#[test]
fn a_paused_file_does_not_send_finished_parts_again() {
    let mut world = World::new(|_| {});
    let keys = world.add(&[60 * MIB]);
    world.run_until(|world| world.times(Endpoint::Part) == 5);
    world.command(Command::Pause(ALL));
    assert_eq!(world.state(keys[0]), &RowState::Paused);
    assert_eq!(world.in_flight_of(keys[0]), 0);
    world.run();
    world.command(Command::Resume(ALL));
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Part)), (1, 12));
}

#[test]
fn a_removed_file_leaves_and_is_released() {
    let mut world = World::new(|_| {});
    let keys = world.add(&[60 * MIB, 5]);
    world.run_until(|world| world.times(Endpoint::Part) == 2);
    world.command(Command::Remove(Which::One(keys[0])));
    assert_eq!(world.state(keys[0]), &RowState::Removed);
    assert_eq!(world.engine.snapshot().rows.len(), 1);
    world.run();
    assert_eq!(done(&world), 1);
    world.command(Command::Remove(ALL));
    assert!(world.engine.snapshot().rows.is_empty());
    assert_eq!(world.engine.totals().files, 0);
}

#[test]
fn the_policy_is_held_before_anything_is_sent() {
    let mut world = World::new(|config| {
        config.policy =
            UploadPolicy { max_file_size: Some(10), max_files: Some(2), accept: AcceptRule::parse_list("image/*") };
    });
    let keys = world.add(&[11, 0, 5, 6, 7]);
    world.run();
    assert_eq!(world.state(keys[0]), &RowState::Rejected(Refusal::TooLarge { limit: 10 }));
    assert_eq!(world.state(keys[1]), &RowState::Rejected(Refusal::Empty));
    assert_eq!(world.state(keys[4]), &RowState::Rejected(Refusal::TooMany { limit: 2 }));
    assert_eq!((done(&world), world.times(Endpoint::Base)), (2, 2));
}

#[test]
fn a_list_that_waits_for_a_command_sends_nothing_before_it() {
    let mut world = World::new(|config| config.start = Start::OnCommand);
    let keys = world.add(&[1, 2]);
    world.run();
    assert_eq!(world.state(keys[0]), &RowState::Ready);
    world.command(Command::Start(Which::One(keys[1])));
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Base)), (1, 1));
}

#[test]
fn a_page_function_can_give_credentials() {
    let mut world = World::new(|config| config.credentials = CredentialSource::Page);
    world.add(&[1, 2]);
    world.run();
    assert_eq!((done(&world), world.service.token), (2, 1));
}

#[test]
fn a_long_file_leaves_room_for_small_ones() {
    let mut world = World::new(|_| {});
    world.add(&[600 * MIB, 1, 1, 1]);
    world.run_until(|world| done(world) == 3);
    assert!(world.times(Endpoint::Part) < 40, "small files waited for {} parts", world.times(Endpoint::Part));
}

#[test]
fn ten_thousand_files_are_taken_at_once() {
    let mut world = World::new(|_| {});
    world.add(&vec![0; 10_001]);
    assert_eq!(world.engine.totals().rejected, 10_001);
    world.add(&[]);
    assert!(world.all_final());
}

#[test]
fn an_answer_nobody_waits_for_changes_nothing() {
    let mut world = World::new(|_| {});
    let keys = world.add(&[1]);
    world.run();
    let before = world.engine.snapshot();
    let request = updock_engine::RequestId(1);
    world.input(Input::Answered { request, answer: Answer::Unreachable });
    world.input(Input::Progressed { request, sent: 9 });
    for command in
        [Command::Pause(ALL), Command::Retry(ALL), Command::Cancel(ALL), Command::Start(ALL), Command::Resume(ALL)]
    {
        world.command(command);
    }
    assert_eq!(world.engine.snapshot(), before);
    world.command(Command::Remove(Which::One(keys[0])));
    world.command(Command::Remove(Which::One(keys[0])));
    world.command(Command::Cancel(Which::One(updock_engine::FileKey(77))));
}

#[test]
fn a_long_upload_survives_more_throttling_than_one_part_may_meet() {
    let mut world = World::new(|_| {});
    for nth in (1..=60).step_by(2) {
        world = world.fault(Endpoint::Part, nth, Fault::Throttled(1));
    }
    world.add(&[300 * MIB]);
    world.run();
    assert_eq!(done(&world), 1);
}

#[test]
fn a_file_that_was_throttled_for_good_can_be_retried() {
    let mut world = World::new(|_| {});
    for nth in 1..=25 {
        world = world.fault(Endpoint::Part, nth, Fault::Throttled(1));
    }
    let keys = world.add(&[30 * MIB]);
    world.run();
    assert_eq!(world.state(keys[0]), &RowState::Failed(Failure::Throttled));
    world.command(Command::Retry(ALL));
    world.run();
    assert_eq!(done(&world), 1);
}

#[test]
fn a_credential_that_is_dead_on_arrival_is_not_asked_for_for_ever() {
    for (life, operations) in [(0, None), (600, Some(0))] {
        let mut world = World::signed(|_| {});
        (world.service.token_life, world.service.token_operations) = (life, operations);
        let keys = world.add(&[1]);
        world.run();
        let cause = Cause::Nonsense;
        assert_eq!(world.state(keys[0]), &RowState::Failed(Failure::CredentialUnavailable { cause }));
        assert_eq!(world.times(Endpoint::Credential), 5);
    }
}

#[test]
fn a_renewed_credential_at_the_start_does_not_make_completion_need_one() {
    let mut world = World::signed(|_| {}).fault(Endpoint::Start, 1, Fault::Code(401, "AccessTokenExpiredError"));
    world.service.token_operations = Some(1);
    world.add(&[30 * MIB]);
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Credential)), (1, 2));
}

#[test]
fn completion_takes_a_credential_once_the_service_asks_for_one() {
    let mut world = World::signed(|_| {}).fault(Endpoint::Complete, 1, Fault::Code(400, "SignatureRequiredError"));
    world.add(&[30 * MIB]);
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Complete)), (1, 2));
}

#[test]
fn a_file_that_the_server_has_lost_is_sent_again_on_retry() {
    let mut world = World::signed(|_| {}).fault(Endpoint::Confirm, 1, Fault::Status(404));
    let keys = world.add(&[1]);
    world.run();
    assert_eq!(world.state(keys[0]), &RowState::Failed(Failure::Lost));
    world.command(Command::Retry(ALL));
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Base)), (1, 2));
}

#[test]
fn the_signers_policy_is_held_too_before_a_file_is_sent() {
    let mut world = World::signed(|_| {});
    world.service.signer_policy = UploadPolicy { max_file_size: Some(10), max_files: Some(2), accept: Vec::new() };
    let keys = world.add(&[11, 5, 6, 7]);
    world.run();
    assert_eq!(world.state(keys[0]), &RowState::Rejected(Refusal::TooLarge { limit: 10 }));
    assert_eq!(world.state(keys[3]), &RowState::Rejected(Refusal::TooMany { limit: 2 }));
    assert_eq!((done(&world), world.times(Endpoint::Base)), (2, 2));
}

#[test]
fn without_a_share_of_the_budget_everything_waits_and_then_goes_on() {
    let mut world = World::new(|_| {});
    world.input(Input::Budget(0));
    let keys = world.add(&[3, 60 * MIB]);
    world.run();
    assert_eq!((world.sent.len(), world.state(keys[0])), (0, &RowState::Queued));
    world.input(Input::Budget(2));
    world.run();
    assert_eq!(done(&world), 2);
}

#[test]
fn a_share_outlives_new_settings() {
    let mut config = None;
    let mut world = World::new(|settings| config = Some(settings.clone()));
    world.input(Input::Budget(0));
    world.input(Input::Configured(Box::new(config.unwrap())));
    world.add(&[3]);
    world.run();
    assert!(world.sent.is_empty());
}

#[test]
fn mere_progress_is_told_from_what_a_person_should_see_at_once() {
    let mut world = World::new(|_| {});
    world.link = Link { bytes_per_second: Some(1_000_000), ..Default::default() };
    let key = world.add(&[30 * MIB])[0];
    assert_eq!(world.engine.take_stir(), Stir::State, "a file has come");
    world.run_until(|world| world.rows[&key].sent > 0);
    world.engine.take_stir();
    let sent = world.rows[&key].sent;
    world.run_until(|world| world.rows[&key].sent > sent);
    assert_eq!(world.engine.take_stir(), Stir::Progress, "more bytes have left, and nothing else");
    world.input(Input::Tick);
    assert_eq!(world.engine.take_stir(), Stir::Nothing, "the clock alone shows nothing");
    world.network(Network::Online);
    assert_eq!(world.engine.take_stir(), Stir::Nothing, "nor does a network that was there already");
    world.run_until(|world| world.rows[&key].state == RowState::Processing);
    assert_eq!(
        world.engine.take_stir(),
        Stir::Progress,
        "it may be there before anybody has read that it is processed"
    );
    world.run();
    assert_eq!(world.engine.take_stir(), Stir::State, "it is there");
    world.command(Command::Remove(Which::One(key)));
    assert_eq!(world.engine.take_stir(), Stir::State, "it is gone");
}

#[test]
fn a_row_says_which_attempt_of_its_parts_comes_next() {
    let mut world = World::new(|_| {});
    for nth in 1..=6 {
        world = world.fault(Endpoint::Part, nth, Fault::Status(500));
    }
    let key = world.add(&[30 * MIB])[0];
    world.run_until(|world| matches!(world.state(key), RowState::Retrying { .. }));
    let state = world.state(key);
    assert!(matches!(state, RowState::Retrying { attempt: 2, cause: Cause::Server(500), .. }), "{state:?}");
}

#[test]
fn a_row_says_which_attempt_of_a_small_file_comes_next() {
    let mut world =
        World::new(|_| {}).fault(Endpoint::Base, 1, Fault::Status(500)).fault(Endpoint::Base, 2, Fault::Reset);
    let key = world.add(&[1000])[0];
    for (attempt, cause) in [(2, Cause::Server(500)), (3, Cause::Network)] {
        world.run_until(|world| matches!(world.state(key), RowState::Retrying { attempt: now, .. } if *now >= attempt));
        let state = world.state(key);
        assert!(
            matches!(state, RowState::Retrying { attempt: a, cause: c, .. } if (*a, *c) == (attempt, cause)),
            "{state:?}"
        );
    }
}

#[test]
fn a_small_file_whose_bytes_have_left_is_being_processed_until_the_answer_is_there() {
    let mut world = World::new(|_| {});
    world.link = Link { latency: Millis(500), bytes_per_second: Some(1_000_000), ..Link::default() };
    let key = world.add(&[2 * MIB])[0];
    world.run_until(|world| world.rows[&key].sent > 0);
    assert_eq!(world.state(key), &RowState::Uploading);
    world.run_until(|world| world.rows[&key].sent == 2 * MIB);
    assert_eq!((world.in_flight(Endpoint::Base), world.state(key)), (1, &RowState::Processing));
}

#[test]
fn parts_are_forgiven_their_failures_when_a_person_wants_another_try() {
    let mut broken = World::new(|_| {}).always(Endpoint::Part, Fault::Status(500));
    broken.add(&[30 * MIB]);
    broken.run();
    let mut world = World::new(|_| {});
    for nth in 1..=broken.times(Endpoint::Part) + 6 {
        world = world.fault(Endpoint::Part, nth, Fault::Status(500));
    }
    let key = world.add(&[30 * MIB])[0];
    world.run();
    assert!(matches!(world.state(key), RowState::Failed(Failure::GaveUp(_))), "{:?}", world.state(key));
    world.command(Command::Retry(Which::One(key)));
    world.run();
    assert!(matches!(world.state(key), RowState::Done { .. }), "{:?}", world.state(key));
}

#[test]
fn what_a_person_retries_waits_for_no_part_that_failed_before() {
    let mut world = World::new(|_| {});
    for nth in 1..=100 {
        world = world.fault(Endpoint::Part, nth, Fault::Status(500));
    }
    let key = world.add(&[30 * MIB])[0];
    world.run();
    assert!(matches!(world.state(key), RowState::Failed(Failure::GaveUp(_))), "{:?}", world.state(key));
    world.command(Command::Retry(Which::One(key)));
    assert_eq!(world.in_flight(Endpoint::Part), 6);
}

#[test]
fn a_file_is_uploading_as_long_as_a_part_of_it_is_under_way() {
    for fault in [Fault::Throttled(600), Fault::Status(500)] {
        let mut world = World::new(|_| {}).fault(Endpoint::Part, 2, fault);
        world.link = Link { latency: Millis(50), bytes_per_second: Some(1_000_000), ..Link::default() };
        let key = world.add(&[30 * MIB])[0];
        world.run_until(|world| world.times(Endpoint::Part) >= 2);
        let mut under_way = 0;
        while world.in_flight(Endpoint::Part) > 0 && world.step() {
            if world.in_flight(Endpoint::Part) > 0 {
                assert_eq!(world.state(key), &RowState::Uploading);
                under_way += 1;
            }
        }
        assert!(under_way > 2);
    }
    let mut world = World::new(|_| {});
    let key = world.add(&[30 * MIB])[0];
    world.run_until(|world| world.times(Endpoint::Part) >= 2);
    world.network(Network::Offline);
    assert_eq!((world.in_flight_of(key) > 0, world.state(key)), (true, &RowState::Uploading));
}

#[test]
fn a_lost_answer_of_completion_is_another_attempt() {
    let mut world = World::new(|_| {}).fault(Endpoint::Complete, 1, Fault::Reset);
    let key = world.add(&[30 * MIB])[0];
    world.run_until(|world| matches!(world.state(key), RowState::Retrying { .. } | RowState::Done { .. }));
    let state = world.state(key);
    assert!(matches!(state, RowState::Retrying { attempt: 2, cause: Cause::Network, .. }), "{state:?}");
}

#[test]
fn a_page_that_is_left_loses_what_is_not_written_down() {
    let mut world = World::new(|_| {});
    assert!(!world.engine.would_lose());
    world.add(&[3]);
    assert!(world.engine.would_lose(), "a small file has nothing that could be gone on with");
    world.run();
    assert!(!world.engine.would_lose());
    world.add(&[30 * MIB]);
    world.run_until(|world| world.times(Endpoint::Part) == 6);
    assert_eq!((world.journals(), world.engine.would_lose()), (1, false));
}

#[test]
fn a_secret_is_not_printed() {
    assert_eq!(format!("{:?}", updock_engine::Secret("token".to_owned())), "[redacted]");
}

#[test]
fn a_signer_that_only_throttles_is_given_up() {
    let mut world = World::signed(|_| {}).always(Endpoint::Credential, Fault::Throttled(1));
    let keys = world.add(&[1]);
    world.run();
    assert_eq!(world.state(keys[0]), &RowState::Failed(Failure::Throttled));
    assert_eq!(world.times(Endpoint::Credential), 21);
}

#[test]
fn a_file_that_waits_for_a_credential_says_so() {
    let mut world = World::signed(|_| {});
    let keys = world.add(&[1, 30 * MIB]);
    for key in keys {
        assert_eq!(world.state(key), &RowState::Waiting(WaitReason::Signing));
    }
}

#[test]
fn what_is_under_way_already_needs_no_credential_and_is_not_held_to_a_later_policy() {
    let under_way = || {
        let mut world = World::signed(|_| {});
        world.service.token_operations = Some(1);
        let key = world.add(&[60 * MIB])[0];
        world.run_until(|world| world.times(Endpoint::Part) == 3);
        (world, key)
    };
    let (world, large) = under_way();
    let mut world = world.fault(Endpoint::Credential, 2, Fault::Status(403));
    let small = world.add(&[5])[0];
    world.run();
    let refused = |state: &RowState| matches!(state, RowState::Failed(Failure::CredentialRefused { .. }));
    assert!(refused(world.state(small)), "{:?}", world.state(small));
    assert!(matches!(world.state(large), RowState::Done { .. }), "{:?}", world.state(large));

    let (mut world, large) = under_way();
    world.service.signer_policy.max_file_size = Some(10);
    world.add(&[5]);
    world.run();
    assert_eq!(done(&world), 2, "{:?}", world.state(large));
}

#[test]
fn a_part_is_tried_fourteen_times_and_a_lost_upload_started_four_times() {
    let mut world = World::new(|_| {}).always(Endpoint::Part, Fault::Status(500));
    let key = world.add(&[30 * MIB])[0];
    world.run();
    assert_eq!(world.state(key), &RowState::Failed(Failure::GaveUp(Cause::Server(500))));
    let tried = |part| world.sent.iter().filter(|sent| sent.part == Some(part)).count();
    assert_eq!((0..6).map(tried).max(), Some(14));

    let mut world = World::new(|_| {}).always(Endpoint::Part, Fault::Status(404));
    let key = world.add(&[30 * MIB])[0];
    world.run();
    assert_eq!(world.state(key), &RowState::Failed(Failure::GaveUp(Cause::Server(404))));
    assert_eq!(world.times(Endpoint::Start), 4);
}

#[test]
fn completion_in_a_project_without_a_signer_fails_where_the_service_wants_a_credential() {
    let mut world = World::new(|_| {}).always(Endpoint::Complete, Fault::Code(400, "SignatureRequiredError"));
    let key = world.add(&[30 * MIB])[0];
    world.run();
    let detail = "A sentence.".into();
    assert_eq!(world.state(key), &RowState::Failed(Failure::CredentialRefused { detail }));
    assert_eq!(world.times(Endpoint::Complete), 1);
}

#[test]
fn a_completion_that_was_broken_off_is_looked_up_before_it_is_asked_for_again() {
    let mut world = World::new(|_| {});
    world.add(&[30 * MIB]);
    world.run_until(|world| world.in_flight(Endpoint::Complete) == 1);
    world.command(Command::Pause(ALL));
    let before = world.sent.len();
    world.command(Command::Resume(ALL));
    world.run();
    let asked: Vec<_> = world.sent[before..].iter().map(|sent| sent.endpoint).collect();
    assert_eq!((done(&world), &asked[..2]), (1, &[Endpoint::Info, Endpoint::Complete][..]));
}

#[test]
fn an_engine_is_busy_while_a_file_waits_or_is_under_way() {
    let mut world = World::new(|_| {});
    assert!(!world.engine.is_busy());
    world.input(Input::Budget(0));
    world.add(&[3]);
    assert!(world.engine.is_busy(), "it waits for a share");
    world.input(Input::Budget(8));
    world.run();
    assert!(!world.engine.is_busy());
}

#[test]
fn another_signer_is_asked_anew_and_other_settings_keep_the_credential() {
    let mut config = None;
    let mut world = World::signed(|settings| config = Some(settings.clone()));
    let mut config = config.unwrap();
    world.add(&[1]);
    world.run();
    config.budget = 4;
    for (credentials, asked) in [("http://signer/credential", 1), ("http://signer/credential?another", 2)] {
        config.credentials = CredentialSource::Url(credentials.to_owned());
        world.input(Input::Configured(Box::new(config.clone())));
        world.add(&[1]);
        world.run();
        assert_eq!(world.times(Endpoint::Credential), asked, "{credentials}");
    }
    assert_eq!(done(&world), 3);
}

#[test]
fn a_rejected_file_takes_nobodys_place() {
    let mut world = World::new(|config| {
        config.policy = UploadPolicy { max_file_size: Some(10), max_files: Some(2), accept: Vec::new() };
    });
    world.add(&[11, 5]);
    world.add(&[6]);
    let last = world.add(&[7])[0];
    world.run();
    assert_eq!((done(&world), world.state(last)), (2, &RowState::Rejected(Refusal::TooMany { limit: 2 })));
}

#[test]
fn a_request_is_broken_off_by_how_far_it_came() {
    for (sent, after) in [(0, 20_000), (1, 30_000), (600_000, 60_000)] {
        let mut world = World::new(|_| {});
        world.link.latency = Millis(600_000);
        world.add(&[600_000]);
        world.input(Input::Progressed { request: updock_engine::RequestId(1), sent });
        assert_eq!(world.engine.deadline(), Some(Millis(after)), "{sent} bytes have left");
    }
}

#[test]
fn a_credential_is_asked_for_as_many_files_as_wait() {
    let mut world = World::new(|config| config.credentials = CredentialSource::Page).recording();
    world.add(&[600_000; 40]);
    let trace = world.trace.as_ref().unwrap();
    assert!(trace.iter().any(|line| line.contains("operations: 40")), "{trace:?}");
}

#[test]
fn an_upload_that_cannot_be_written_down_would_be_lost() {
    let mut world = World::new(|_| {});
    world.journaling = updock_engine::simulator::Journaling::Fails;
    world.add(&[30 * MIB]);
    world.run_until(|world| world.times(Endpoint::Part) == 4);
    assert!(world.engine.would_lose());
    world.run();
    assert_eq!(done(&world), 1);
}
