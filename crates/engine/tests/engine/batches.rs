//! Small files that travel together, and apart when one of them is to blame.

use crate::{ALL, MIB};
use std::sync::Arc;
use updock_engine::simulator::{Endpoint, Fault, Link, World};
use updock_engine::{
    Action, Answer, Command, Config, Engine, Failure, FileKey, FileOptions, Input, Millis, NewFile, Pacing, RequestId,
    RowState, WaitReason, Which,
};
use updock_types::{FileUuid, PublicKey, Tag};

const KIB: u64 = 1024;

/// So many small files, each of another size.
fn many(count: u64) -> Vec<u64> {
    (0..count).map(|at| 64 * KIB - at).collect()
}

fn done(world: &World) -> usize {
    world.rows.values().filter(|row| matches!(row.state, RowState::Done { .. })).count()
}

fn files_sent(world: &World) -> usize {
    world.sent.iter().map(|sent| sent.files).sum()
}

#[test]
fn two_hundred_small_files_need_at_most_forty_requests_with_a_signer() {
    let mut world = World::signed(|_| {});
    world.link = Link { latency: Millis(100), bytes_per_second: Some(12_500_000), ..Link::default() };
    world.add(&many(200));
    world.run();
    assert_eq!((done(&world), files_sent(&world)), (200, 200));
    assert!(world.sent.len() <= 40, "{} requests", world.sent.len());
}

#[test]
fn without_a_signer_each_file_of_a_batch_is_verified() {
    let mut world = World::new(|_| {});
    world.add(&many(200));
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Info)), (200, 200));
    assert!(world.times(Endpoint::Base) <= 20, "{} requests", world.times(Endpoint::Base));
}

#[test]
fn a_few_files_travel_side_by_side() {
    let mut world = World::new(|_| {});
    world.add(&many(6));
    world.run();
    assert_eq!(done(&world), 6);
    assert!(world.times(Endpoint::Base) >= 4, "as many requests as may go at first");
}

#[test]
fn larger_files_travel_alone() {
    let mut world = World::new(|_| {});
    world.add(&[MIB; 30]);
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Base)), (30, 30));
}

#[test]
fn one_bad_file_takes_no_other_with_it() {
    for signed in [false, true] {
        let mut world = if signed { World::signed(|_| {}) } else { World::new(|_| {}) };
        world.service.forbidden = Some(64 * KIB - 33);
        let keys = world.add(&many(100));
        world.run();
        assert_eq!(done(&world), 99);
        assert!(matches!(world.state(keys[33]), RowState::Failed(Failure::Refused { .. })));
        assert!(world.times(Endpoint::Base) < 30, "{} requests", world.times(Endpoint::Base));
    }
}

#[test]
fn a_body_that_is_too_large_for_somebody_on_the_way_goes_in_smaller_ones() {
    let mut world = World::new(|_| {});
    for nth in 1..=8 {
        world = world.fault(Endpoint::Base, nth, Fault::Status(413));
    }
    world.add(&many(48));
    world.run();
    assert_eq!(done(&world), 48);
}

#[test]
fn a_file_that_vanished_fails_alone() {
    let mut world = World::new(|_| {}).fault(Endpoint::Base, 1, Fault::Unreadable);
    world.add(&many(100));
    world.run();
    assert_eq!(done(&world), 100, "the driver may not know which of them it was");
}

#[test]
fn a_batch_that_fails_on_the_way_goes_again_together() {
    for fault in [Fault::Status(503), Fault::Reset, Fault::Silence, Fault::Html, Fault::LostAnswer, Fault::Throttled(3)]
    {
        let mut world = World::new(|_| {}).fault(Endpoint::Base, 1, fault);
        world.add(&many(60));
        let requests = {
            let mut world = World::new(|_| {});
            world.add(&many(60));
            world.run();
            world.times(Endpoint::Base)
        };
        world.run();
        assert_eq!(done(&world), 60, "{fault:?}");
        // Dealt out to the requests that are free by then.
        assert!(world.times(Endpoint::Base) <= requests + 8, "{fault:?}: {}", world.times(Endpoint::Base));
    }
}

#[test]
fn a_batch_that_always_breaks_is_taken_apart() {
    let mut world = World::new(|_| {});
    for nth in 1..=20 {
        world = world.fault(Endpoint::Base, nth, Fault::Reset);
    }
    world.add(&many(24));
    world.run();
    assert_eq!(done(&world), 24);
}

#[test]
fn each_file_of_a_batch_has_its_own_result() {
    let mut world = World::new(|_| {}).fault(Endpoint::Base, 1, Fault::TruncatedLast);
    world.add(&many(60));
    world.run();
    let short =
        |row: &&Arc<updock_engine::Row>| row.state == RowState::Failed(Failure::SizeDiffers { stored: row.size / 2 });
    assert_eq!((done(&world), world.rows.values().filter(short).count()), (59, 1));
    let mut world = World::new(|_| {}).fault(Endpoint::Base, 1, Fault::ForgottenLast);
    world.add(&many(60));
    world.run();
    assert_eq!((done(&world), files_sent(&world)), (60, 61));
}

#[test]
fn a_refused_key_is_not_asked_about_file_by_file() {
    let mut world = World::new(|_| {}).always(Endpoint::Base, Fault::Code(403, "ProjectPublicKeyInvalidError"));
    world.add(&many(24));
    world.run();
    assert_eq!((done(&world), files_sent(&world)), (0, 24));
}

#[test]
fn a_credential_for_few_files_is_not_overdrawn_by_a_batch() {
    let mut world = World::signed(|_| {});
    world.service.token_operations = Some(5);
    world.add(&many(50));
    world.run();
    assert_eq!((done(&world), world.times(Endpoint::Credential)), (50, 10));
    assert!(world.sent.iter().all(|sent| sent.files <= 5));
}

#[test]
fn stopping_one_file_of_a_batch_stops_it_and_no_other() {
    for command in [Command::Cancel, Command::Pause, Command::Remove] {
        let mut world = World::new(|_| {});
        world.link = Link { latency: Millis(50), bytes_per_second: Some(100_000), ..Link::default() };
        let keys = world.add(&many(40));
        world.run_until(|world| world.in_flight_of(keys[9]) == 1);
        for _ in 0..8 {
            world.step();
        }
        let stopped = keys[9];
        world.command(command(Which::One(stopped)));
        assert_eq!(world.in_flight_of(stopped), 0);
        world.run();
        assert_eq!(done(&world), 39, "{:?}", command(Which::One(stopped)));
    }
}

#[test]
fn progress_within_a_batch_is_each_file_s_own() {
    let mut world = World::new(|_| {});
    world.link = Link { latency: Millis(50), bytes_per_second: Some(60_000), ..Link::default() };
    let keys = world.add(&[65_000; 12]);
    world.run_until(|world| world.rows[&keys[0]].sent > 0);
    let sent = |world: &World, key: FileKey| world.rows[&key].sent;
    world.run_until(|world| sent(world, keys[1]) > 0);
    assert_eq!(sent(&world, keys[0]), 65_000, "the first file of a request leaves first");
    world.run();
    assert_eq!((done(&world), world.engine.totals().sent), (12, 12 * 65_000));
}

#[test]
fn a_batch_that_waits_lets_others_begin() {
    let mut world = World::new(|_| {}).fault(Endpoint::Base, 1, Fault::Throttled(60));
    world.add(&many(100));
    world.run_until(|world| done(world) >= 70);
    assert!(world.now < Millis::from_seconds(30));
}

#[test]
fn many_confirmations_are_asked_for_at_once_and_each_is_answered() {
    let mut world = World::signed(|_| {}).fault(Endpoint::Confirm, 1, Fault::Status(503));
    world.add(&many(200));
    world.run();
    assert_eq!(done(&world), 200);
    assert!(world.times(Endpoint::Confirm) <= 20, "{}", world.times(Endpoint::Confirm));
    world.command(Command::Remove(ALL));
}

#[test]
fn files_of_which_something_else_is_said_do_not_share_a_request() {
    let mut world = World::new(|_| {});
    let tagged = |tag| Arc::new(FileOptions { tags: vec![Tag::parse(tag).unwrap()], ..FileOptions::default() });
    for tag in ["cat", "dog", "cat"] {
        world.add_with(&many(20), Some(&tagged(tag)));
    }
    world.add(&many(20));
    world.run();
    assert_eq!(done(&world), 80);
    for (key, row) in &world.rows {
        let RowState::Done { uuid, .. } = row.state else { panic!("{row:?}") };
        let expected = [Some("cat"), Some("dog"), Some("cat"), None][key.0 as usize / 20];
        assert_eq!(world.service.tags.get(&uuid).map(String::as_str), expected);
    }
}

#[test]
fn once_the_line_is_known_a_request_takes_more_files() {
    let mut world = World::new(|_| {});
    world.link.bytes_per_second = Some(125_000_000);
    world.add(&vec![80_000; 400]);
    world.run();
    let most = world.sent.iter().map(|sent| sent.files).max();
    assert_eq!((world.sent[0].files, most), (13, Some(24)), "not 1 MiB, as at first");
}

#[test]
fn on_a_slow_line_a_request_takes_few_files_and_never_one_alone() {
    let mut world = World::new(|config| config.pacing = Pacing::Steady(1));
    world.link.bytes_per_second = Some(20_000);
    world.add(&[60_000; 40]);
    world.run();
    let files: Vec<_> =
        world.sent.iter().filter(|sent| sent.endpoint == Endpoint::Base).map(|sent| sent.files).collect();
    assert_eq!(files, [17, 4, 4, 4, 4, 4, 3]);
}

#[test]
fn a_batch_goes_together_once_more_and_then_in_halves() {
    let expired = Fault::Code(401, "AccessTokenExpiredError");
    for (fault, times, expected) in [
        (expired, 1, &[8, 8][..]),
        (expired, 2, &[8, 8, 4, 4]),
        (Fault::Status(503), 1, &[8, 8]),
        (Fault::Status(503), 2, &[8, 8, 4, 4]),
        (Fault::Code(403, "ProjectPublicKeyInvalidError"), 1, &[8]),
        (Fault::Code(400, "FileTypeForbiddenError"), 1, &[8, 4, 4]),
        (Fault::Throttled(1), 2, &[8, 8, 8]),
    ] {
        let mut world = World::signed(|config| config.pacing = Pacing::Steady(1));
        for nth in 1..=times {
            world = world.fault(Endpoint::Base, nth, fault);
        }
        world.add(&[64 * KIB; 8]);
        world.run();
        let base = world.sent.iter().filter(|sent| sent.endpoint == Endpoint::Base);
        assert_eq!(base.map(|sent| sent.files).collect::<Vec<_>>(), expected, "{fault:?} {times}");
    }
}

#[test]
fn bytes_of_a_batch_count_for_its_files_in_their_order() {
    let mut world = World::new(|config| config.pacing = Pacing::Steady(1));
    world.link.latency = Millis(600_000);
    let keys = world.add(&[65_000; 3]);
    world.input(Input::Progressed { request: RequestId(1), sent: 65_010 });
    assert_eq!([0, 1, 2].map(|at| world.rows[&keys[at]].sent), [65_000, 10, 0]);
}

#[test]
fn an_answer_for_another_number_of_files_counts_for_none_of_them() {
    for count in [0, 1, 2, 4] {
        let mut config = Config::new(PublicKey::parse("demopublickey").expect("a public key"));
        config.pacing = Pacing::Steady(1);
        let mut engine = Engine::new(config, 1);
        let file = |name: &str| NewFile { name: name.to_owned(), size: 60_000, ..NewFile::default() };
        engine.handle(Millis(0), Input::FilesAdded(["a", "b", "c"].map(file).to_vec()));
        let sent = |engine: &mut Engine| {
            let request = std::iter::from_fn(|| engine.poll()).find_map(|action| match action {
                Action::Send(request) => Some(request),
                _ => None,
            })?;
            let files = request.body.file_bytes(|_| 60_000) / 60_000;
            Some((request.id, files))
        };
        let (request, files) = sent(&mut engine).expect("a request");
        assert_eq!(files, 3);
        let each = (0..count).map(|at| Answer::Uploaded(FileUuid::from_random_bytes([at; 16]))).collect();
        engine.handle(Millis(1), Input::Answered { request, answer: Answer::Each(each) });
        assert_eq!(sent(&mut engine), None, "{count} answers");
        let again = engine.deadline().expect("another attempt");
        engine.handle(again, Input::Tick);
        assert_eq!(sent(&mut engine).map(|sent| sent.1), Some(3), "{count} answers");
    }
}

#[test]
fn a_file_that_was_to_blame_for_a_batch_joins_no_other() {
    let mut world = World::new(|config| config.pacing = Pacing::Steady(1)).fault(Endpoint::Base, 1, Fault::Status(413));
    world.add(&[64 * KIB; 2]);
    let other = world.add(&[64 * KIB])[0];
    world.command(Command::First(Which::One(other)));
    world.run();
    let base = world.sent.iter().filter(|sent| sent.endpoint == Endpoint::Base);
    assert_eq!(base.map(|sent| sent.files).collect::<Vec<_>>(), [2, 1, 1, 1]);
    assert_eq!(done(&world), 3);
}

#[test]
fn of_small_files_no_more_are_under_way_than_a_dozen_requests_take() {
    let mut world = World::signed(|_| {});
    world.add(&vec![1_000; 500]);
    let waits = |row: &&Arc<updock_engine::Row>| row.state == RowState::Waiting(WaitReason::Signing);
    let under_way = world.rows.values().filter(waits).count();
    assert!((11 * 24..=12 * 24).contains(&under_way), "{under_way} files");
    world.run();
    assert_eq!(done(&world), 500);
}
