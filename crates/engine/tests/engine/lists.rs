//! The list as a whole: groups, files that are in it twice, one file in another's place.

use crate::ALL;
use updock_engine::simulator::{Endpoint, Fault, World};
use updock_engine::{
    Cause, Command, Config, Failure, FileKey, Group, Input, Millis, NewFile, RowState, WhenDone, Which,
};
use updock_types::FileUuid;

fn grouping(config: &mut Config) {
    config.when_done = WhenDone::Group;
}

fn uuid(world: &World, key: FileKey) -> FileUuid {
    let RowState::Done { uuid, .. } = world.state(key) else { panic!("{:?}", world.state(key)) };
    *uuid
}

#[test]
fn a_group_holds_all_files_in_the_order_of_the_list_and_verifies_them() {
    let mut world = World::new(grouping);
    let keys = world.add(&(0..200).map(|at| 70_000 - at).collect::<Vec<u64>>());
    world.run();
    assert!(matches!(world.engine.group(), Group::Made { .. }));
    let expected: Vec<FileUuid> = keys.iter().map(|key| uuid(&world, *key)).collect();
    assert_eq!(world.service.groups, [expected]);
    assert!(world.sent.len() <= 40, "{} requests", world.sent.len());
    assert_eq!((world.times(Endpoint::Info), world.service.token), (0, 0));
}

#[test]
fn a_truncated_file_does_not_pass_for_whole_in_a_group() {
    let mut world = World::new(grouping).fault(Endpoint::Base, 2, Fault::Truncated);
    let keys = world.add(&[600_000, 600_001, 600_002]);
    world.run();
    let failed: Vec<_> = keys.iter().filter(|key| matches!(world.state(**key), RowState::Failed(_))).collect();
    assert_eq!(failed.len(), 1);
    world.command(Command::Retry(ALL));
    world.run();
    assert_eq!(world.service.groups.last().unwrap(), &keys.iter().map(|key| uuid(&world, *key)).collect::<Vec<_>>());
    assert!(matches!(world.engine.group(), Group::Made { .. }));
}

#[test]
fn a_list_that_changes_gets_another_group() {
    let mut world = World::signed(grouping);
    let keys = world.add(&[1, 2, 3]);
    world.run();
    world.command(Command::Remove(Which::One(keys[1])));
    world.run();
    let expected = vec![uuid(&world, keys[0]), uuid(&world, keys[2])];
    assert_eq!((world.service.groups.len(), world.service.groups.last()), (2, Some(&expected)));
    world.command(Command::Remove(ALL));
    world.run();
    assert_eq!(world.service.groups.len(), 2);
}

#[test]
fn no_group_is_made_while_a_file_is_missing() {
    let mut world = World::new(grouping).always(Endpoint::Base, Fault::Code(403, "ProjectPublicKeyInvalidError"));
    world.add(&[1, 2]);
    world.run();
    assert_eq!(world.engine.group(), &Group::None);
}

#[test]
fn a_group_is_tried_again_and_its_failure_is_told() {
    for fault in [Fault::Status(503), Fault::Reset, Fault::Silence, Fault::Html, Fault::Throttled(2)] {
        let mut world = World::signed(grouping).fault(Endpoint::Group, 1, fault);
        world.add(&[1, 2]);
        world.run();
        assert!(matches!(world.engine.group(), Group::Made { .. }), "{fault:?}");
    }
    let mut world = World::new(grouping).fault(Endpoint::Group, 1, Fault::Code(400, "GroupFilesNotFoundError"));
    world.add(&[1, 2]);
    world.run();
    assert!(matches!(world.engine.group(), Group::Failed(Failure::Refused { .. })), "{:?}", world.engine.group());
    world.command(Command::Retry(ALL));
    world.run();
    assert!(matches!(world.engine.group(), Group::Made { .. }));
}

#[test]
fn a_group_that_cannot_be_made_is_given_up_after_as_many_attempts_as_any_request() {
    let detail = "A sentence.".into();
    for (fault, failure, attempts) in [
        (Fault::Status(503), Failure::GaveUp(Cause::Server(503)), 14),
        (Fault::Throttled(1), Failure::Throttled, 21),
        (Fault::Code(401, "AccessTokenExpiredError"), Failure::CredentialRefused { detail }, 3),
    ] {
        let mut world = World::signed(grouping).always(Endpoint::Group, fault);
        world.add(&[1, 2]);
        world.run();
        assert_eq!(world.engine.group(), &Group::Failed(failure), "{fault:?}");
        assert_eq!(world.times(Endpoint::Group), attempts, "{fault:?}");
    }
}

#[test]
fn a_throttled_group_waits_as_long_as_the_service_asked() {
    let mut world = World::new(grouping).fault(Endpoint::Group, 1, Fault::Throttled(7));
    world.add(&[1, 2]);
    world.run();
    let at: Vec<_> = world.sent.iter().filter(|sent| sent.endpoint == Endpoint::Group).map(|sent| sent.at).collect();
    assert_eq!(at.len(), 2);
    assert!(at[1].since(at[0]) >= Millis(7_000), "{at:?}");
}

fn file(name: &str, modified: u64) -> NewFile {
    NewFile { name: name.into(), size: 5, media_type: "text/plain".into(), modified, ..NewFile::default() }
}

#[test]
fn a_file_that_is_in_the_list_already_is_told() {
    let mut world = World::new(|config| config.start = updock_engine::Start::OnCommand);
    let files = vec![file("a", 7), file("b", 7), file("a", 8), file("a", 7)];
    world.input(Input::FilesAdded(files));
    let same: Vec<_> = world.rows.values().map(|row| row.same_as).collect();
    assert_eq!(same, [None, None, None, Some(FileKey(0))]);
    world.command(Command::Remove(Which::One(FileKey(0))));
    world.input(Input::FilesAdded(vec![file("a", 7), file("a", 7)]));
    assert_eq!(world.rows[&FileKey(4)].same_as, None);
    assert_eq!(world.rows[&FileKey(5)].same_as, Some(FileKey(4)));
}

#[test]
fn a_replaced_file_leaves_its_place_to_the_new_one() {
    let mut world = World::new(|_| {});
    let keys = world.add(&[1, 2, 3]);
    world.run();
    let new = world.engine.next_key();
    world.replace(keys[1], 9);
    world.run();
    assert_eq!(world.state(keys[1]), &RowState::Removed);
    let order: Vec<_> = world.engine.snapshot().rows.iter().map(|row| row.key).collect();
    assert_eq!(order, [keys[0], new, keys[2]]);
    assert!(matches!(world.state(new), RowState::Done { .. }));
}

#[test]
fn a_replaced_file_leaves_its_place_also_where_others_have_left_the_list() {
    for removed in 0..=3 {
        let mut world = World::new(|config| config.start = updock_engine::Start::OnCommand);
        let keys = world.add(&[1, 2, 3, 4, 5]);
        for key in &keys[..removed] {
            world.command(Command::Remove(Which::One(*key)));
        }
        world.replace(keys[3], 9);
        let list: Vec<_> = world.engine.snapshot().rows.iter().map(|row| row.size).collect();
        assert_eq!(list, [&[1, 2, 3][removed.min(3)..], &[9, 5]].concat(), "{removed} have left");
    }
}

#[test]
fn a_file_that_replaces_nothing_comes_to_the_end() {
    let mut world = World::new(|config| config.start = updock_engine::Start::OnCommand);
    world.add(&[1, 2]);
    world.replace(FileKey(7), 9);
    let list: Vec<_> = world.engine.snapshot().rows.iter().map(|row| row.size).collect();
    assert_eq!(list, [1, 2, 9]);
}

#[test]
fn a_rejected_file_keeps_the_others_from_no_group() {
    let mut world = World::new(|config| {
        grouping(config);
        config.policy.max_file_size = Some(10);
    });
    let keys = world.add(&[5, 11, 6]);
    world.run();
    assert!(matches!(world.engine.group(), Group::Made { .. }), "{:?}", world.engine.group());
    assert_eq!(world.service.groups, [vec![uuid(&world, keys[0]), uuid(&world, keys[2])]]);
}

#[test]
fn a_group_that_comes_late_waits_for_a_credential_that_is_good() {
    let mut world = World::signed(grouping).recording();
    world.service.token_life = 60;
    let keys = world.add(&[1, 2]);
    world.run();
    world.sleep(Millis(120_000));
    world.command(Command::Remove(Which::One(keys[0])));
    world.run();
    assert_eq!((world.times(Endpoint::Credential), world.times(Endpoint::Group)), (2, 2));
    let trace = world.trace.as_ref().expect("a world that records");
    let groups: Vec<_> = trace.iter().filter(|line| line.contains("Send(") && line.contains("/group/")).collect();
    assert!(groups.iter().all(|group| group.contains("bearer: Some")), "{groups:?}");
}

#[test]
fn a_file_that_a_group_verifies_late_is_not_looked_at_any_more_once_it_is_there() {
    let mut world = World::new(grouping);
    world.link.latency = Millis(2_000);
    let key = world.add(&[1])[0];
    while world.step() {
        let done = matches!(world.state(key), RowState::Done { .. });
        assert!(!done || world.in_flight(Endpoint::Info) == 0, "at {:?}", world.now);
    }
    assert!(matches!(world.engine.group(), Group::Made { .. }));
}
