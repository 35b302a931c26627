//! Uploads that survive their engine, told by stories.

use crate::MIB;
use updock_engine::simulator::{Damage, Endpoint, Fault, Fingerprinting, Journaling, Kill, OnDisk, Then, World};
use updock_engine::{
    Action, Command, Config, Engine, Failure, FileKey, Input, Journal, Millis, Mismatch, Need, NewFile, Reach,
    RowState, Which,
};
use updock_types::PublicKey;

const DAY: i64 = 24 * 3_600_000;

/// In the middle of a file of six parts: `stored` of them are acknowledged.
fn halfway(stored: usize) -> (World, FileKey) {
    halfway_in(World::new(|_| {}), stored)
}

fn halfway_in(world: World, stored: usize) -> (World, FileKey) {
    halfway_in_file(world, 30 * MIB, stored)
}

fn halfway_in_file(mut world: World, size: u64, stored: usize) -> (World, FileKey) {
    let key = world.add(&[size])[0];
    world.run_until(|world| world.rows[&key].sent >= stored as u64 * 5 * MIB && world.times(Endpoint::Part) >= stored);
    (world, key)
}

fn is_done(world: &World, key: FileKey) -> bool {
    matches!(world.state(key), RowState::Done { .. })
}

#[test]
fn a_killed_upload_goes_on_and_sends_again_only_what_was_in_flight() {
    for then in [Then::Add, Then::Choose, Then::Open] {
        let (mut world, _) = halfway(3);
        let flying = world.in_flight(Endpoint::Part);
        let keys = world.kill(Kill { then, ..Kill::default() });
        assert_eq!(world.rows.len(), 1, "one row, under one key");
        world.run();
        assert!(is_done(&world, keys[0]), "{then:?}: {:?}", world.state(keys[0]));
        assert_eq!((world.times(Endpoint::Start), world.times(Endpoint::Complete)), (1, 1), "{then:?}");
        let parts = world.sent.iter().filter(|sent| sent.part.is_some()).count();
        assert!(parts <= 6 + flying, "{then:?}: {parts} parts with {flying} in flight");
        assert_eq!(world.journals(), 0, "{then:?}");
    }
}

#[test]
fn a_row_from_before_shows_what_it_needs_and_how_far_it_is() {
    let (mut world, _) = halfway(3);
    world.kill(Kill { then: Then::Leave, ..Kill::default() });
    let row = world.rows.values().next().unwrap().clone();
    assert_eq!(row.state, RowState::NeedsFile(Need::Choose));
    assert!((15 * MIB..30 * MIB).contains(&row.sent), "{}", row.sent);
    assert_eq!((row.size, &*row.media_type), (30 * MIB, "image/png"));
    assert_eq!(world.engine.totals().needs_file, 1);
    world.run();
    assert_eq!(world.times(Endpoint::Start), 1, "nothing is sent without the file");
    world.command(Command::Remove(Which::All));
    assert_eq!(world.journals(), 0, "removed is forgotten");
}

#[test]
fn another_file_is_refused_with_what_differs_and_the_right_one_is_taken_afterwards() {
    let (mut world, key) = halfway(3);
    let right = world.file(key).clone();
    world.kill(Kill { then: Then::Leave, ..Kill::default() });
    let row = *world.rows.keys().next().unwrap();
    let facts = right.facts.clone();
    for (other, mismatch) in [
        (NewFile { name: "other".into(), ..facts.clone() }, Mismatch::Name),
        (NewFile { size: 31 * MIB, ..facts.clone() }, Mismatch::Size),
        (NewFile { media_type: String::new(), ..facts.clone() }, Mismatch::Type),
        (NewFile { modified: 2, ..facts.clone() }, Mismatch::Modified),
        (facts.clone(), Mismatch::Content),
    ] {
        world.choose(row, OnDisk { facts: other, content: 9 });
        world.run();
        assert_eq!(world.state(row), &RowState::NeedsFile(Need::Wrong(mismatch)));
    }
    world.choose(row, right);
    world.run();
    assert!(is_done(&world, row));
    assert_eq!(world.times(Endpoint::Start), 1);
}

#[test]
fn a_handle_is_opened_on_command_and_a_lost_one_asks_the_person() {
    let (mut world, _) = halfway(3);
    world.kill(Kill { then: Then::Leave, ..Kill::default() });
    world.kill(Kill { then: Then::Open, ..Kill::default() });
    world.run();
    assert_eq!(world.engine.totals().done, 1);

    let (mut world, _) = halfway(3);
    world.kill(Kill { then: Then::Keep, ..Kill::default() });
    let row = *world.rows.keys().next().unwrap();
    assert_eq!(world.state(row), &RowState::NeedsFile(Need::Open));
    world.command(Command::Resume(Which::One(row)));
    world.run();
    assert!(is_done(&world, row));
    assert_eq!(world.times(Endpoint::Start), 1);

    let (mut world, _) = halfway(3);
    world.kill(Kill { then: Then::Keep, ..Kill::default() });
    let row = *world.rows.keys().next().unwrap();
    world.input(Input::NotOpened(row));
    assert_eq!(world.state(row), &RowState::NeedsFile(Need::Choose));
}

#[test]
fn a_file_that_changed_is_uploaded_from_its_start() {
    let (mut world, _) = halfway(3);
    let keys = world.kill(Kill { then: Then::AddChanged, ..Kill::default() });
    world.run();
    assert!(is_done(&world, keys[0]));
    assert_eq!(world.times(Endpoint::Start), 2);
    assert_eq!(world.engine.totals().needs_file, 1, "the old upload still waits for its file");

    // Nothing but its bytes tells.
    let (mut world, _) = halfway(3);
    let keys = world.kill(Kill { then: Then::AddForged, ..Kill::default() });
    world.run();
    assert!(is_done(&world, keys[0]));
    assert_eq!((world.times(Endpoint::Start), world.rows.len(), world.journals()), (2, 1, 0));
}

#[test]
fn a_completion_whose_answer_was_lost_with_the_engine_is_looked_up() {
    for (damage, completions) in [(Damage::None, 1), (Damage::Cut(1), 2)] {
        let mut world = World::new(|_| {});
        world.add(&[30 * MIB]);
        world.run_until(|world| world.in_flight(Endpoint::Complete) == 1);
        let keys = world.kill(Kill { arrive: !0, damage, then: Then::Add });
        world.run();
        assert!(is_done(&world, keys[0]));
        assert_eq!((world.times(Endpoint::Start), world.times(Endpoint::Part)), (1, 6), "{damage:?}");
        assert_eq!(world.times(Endpoint::Complete), completions, "{damage:?}");
    }
}

#[test]
fn a_completion_that_never_arrived_is_made_up_for() {
    let mut world = World::new(|_| {});
    world.add(&[30 * MIB]);
    world.run_until(|world| world.in_flight(Endpoint::Complete) == 1);
    let keys = world.kill(Kill::default());
    world.run();
    assert!(is_done(&world, keys[0]));
    assert_eq!((world.times(Endpoint::Start), world.times(Endpoint::Part)), (1, 6));
}

#[test]
fn an_upload_that_turns_out_to_be_complete_is_not_sent_twice() {
    // The journal stopped being written, and the upload went on to its end.
    let (mut world, _) = halfway(3);
    let old = world.journal_copy();
    world.run_until(|world| world.in_flight(Endpoint::Complete) == 1);
    world.restore_journal(old);
    let keys = world.kill(Kill { arrive: !0, ..Kill::default() });
    world.run();
    assert!(is_done(&world, keys[0]));
    assert_eq!((world.times(Endpoint::Start), world.times(Endpoint::Complete)), (1, 1));
}

#[test]
fn an_old_journal_is_swept_and_a_clock_that_jumps_harms_nothing() {
    for (moved, starts) in [(DAY, 2), (23 * DAY / 24, 2), (22 * DAY / 24, 1), (-DAY, 1)] {
        let (mut world, _) = halfway(3);
        world.wall_clock(moved);
        let keys = world.kill(Kill::default());
        world.run();
        assert!(is_done(&world, keys[0]));
        assert_eq!((world.times(Endpoint::Start), world.journals()), (starts, 0), "{moved}");
    }
}

#[test]
fn part_urls_that_expired_meanwhile_start_the_upload_anew() {
    let (mut world, _) = halfway(3);
    world.kill(Kill { then: Then::Leave, ..Kill::default() });
    world.sleep(Millis::from_seconds(25 * 3600));
    world.wall_clock(-DAY);
    let keys = world.kill(Kill::default());
    world.run();
    assert!(is_done(&world, keys[0]));
    assert_eq!((world.times(Endpoint::Start), world.journals()), (2, 0));
}

#[test]
fn a_damaged_or_lost_journal_means_a_new_start() {
    for (damage, starts) in [(Damage::Byte(7), 2), (Damage::Lost, 2), (Damage::Cut(2), 1), (Damage::Cut(0), 1)] {
        let (mut world, _) = halfway(3);
        let keys = world.kill(Kill { damage, ..Kill::default() });
        world.run();
        assert!(is_done(&world, keys[0]), "{damage:?}");
        assert_eq!((world.times(Endpoint::Start), world.journals()), (starts, 0), "{damage:?}");
    }
}

#[test]
fn without_a_journal_or_a_fingerprint_the_upload_goes_on() {
    let worlds = [
        (Journaling::Fails, Fingerprinting::Within(Millis(0))),
        (Journaling::Works, Fingerprinting::Unavailable),
        (Journaling::Works, Fingerprinting::Never),
    ];
    for (journaling, fingerprinting) in worlds {
        let mut world = World::new(|_| {});
        (world.journaling, world.fingerprinting) = (journaling, fingerprinting);
        let (mut world, _) = halfway_in(world, 3);
        assert_eq!(world.journals(), 0);
        let keys = world.kill(Kill::default());
        world.run();
        assert!(is_done(&world, keys[0]), "{journaling:?} {fingerprinting:?}");
        assert_eq!(world.times(Endpoint::Start), 2);
    }
}

#[test]
fn a_comparison_that_never_ends_is_given_up() {
    for (then, starts) in [(Then::Add, 2), (Then::Choose, 1)] {
        let (mut world, _) = halfway(3);
        world.fingerprinting = Fingerprinting::Never;
        let keys = world.kill(Kill { then, ..Kill::default() });
        assert_eq!(world.state(keys[0]), &RowState::Checking);
        world.run();
        let ended = if then == Then::Add {
            is_done(&world, keys[0])
        } else {
            world.state(keys[0]) == &RowState::NeedsFile(Need::Wrong(Mismatch::Content))
        };
        assert!(ended, "{then:?}: {:?}", world.state(keys[0]));
        assert_eq!(world.times(Endpoint::Start), starts, "{then:?}");
    }
}

#[test]
fn a_slow_fingerprint_delays_nothing_and_what_was_stored_before_is_written() {
    let mut world = World::new(|_| {});
    world.fingerprinting = Fingerprinting::Within(Millis(30));
    let (mut world, _) = halfway_in_file(world, 60 * MIB, 8);
    let keys = world.kill(Kill::default());
    world.run();
    assert!(is_done(&world, keys[0]));
    assert_eq!(world.times(Endpoint::Start), 1);
}

#[test]
fn pause_and_cancel_work_while_a_file_is_compared() {
    let (mut world, _) = halfway(3);
    world.fingerprinting = Fingerprinting::Within(Millis(1_000));
    let key = world.kill(Kill::default())[0];
    world.command(Command::Pause(Which::All));
    world.run();
    assert_eq!(world.state(key), &RowState::Paused);
    assert_eq!(world.in_flight(Endpoint::Part), 0);
    world.command(Command::Resume(Which::All));
    world.run();
    assert!(is_done(&world, key));
    assert_eq!(world.times(Endpoint::Start), 1);

    let (mut world, _) = halfway(3);
    world.fingerprinting = Fingerprinting::Within(Millis(1_000));
    let key = world.kill(Kill::default())[0];
    world.command(Command::Cancel(Which::All));
    world.run();
    assert_eq!((world.state(key), world.journals()), (&RowState::Failed(Failure::Cancelled), 0));
    world.command(Command::Retry(Which::All));
    world.run();
    assert!(is_done(&world, key));
}

#[test]
fn a_cancelled_upload_is_forgotten_and_a_retried_one_is_written_again() {
    let (mut world, key) = halfway(3);
    assert_eq!(world.journals(), 1);
    world.command(Command::Cancel(Which::One(key)));
    assert_eq!(world.journals(), 0);
    world.command(Command::Retry(Which::One(key)));
    assert_eq!(world.journals(), 1);
    let keys = world.kill(Kill::default());
    world.run();
    assert!(is_done(&world, keys[0]));
    assert_eq!(world.times(Endpoint::Start), 1);
}

#[test]
fn an_upload_that_failed_for_a_while_can_still_be_gone_on_with_after_a_reload() {
    let mut world = World::new(|_| {});
    for nth in 4..60 {
        world = world.fault(Endpoint::Part, nth, Fault::Status(503));
    }
    let key = world.add(&[30 * MIB])[0];
    world.run();
    assert!(matches!(world.state(key), RowState::Failed(_)));
    assert_eq!(world.journals(), 1);
    world.service.mend();
    let keys = world.kill(Kill::default());
    world.run();
    assert!(is_done(&world, keys[0]));
    assert_eq!(world.times(Endpoint::Start), 1);
}

#[test]
fn two_files_alike_take_one_row_each() {
    let mut world = World::new(|_| {});
    let file = OnDisk {
        facts: NewFile { name: "film".into(), size: 30 * MIB, media_type: String::new(), modified: 1, options: None },
        content: 1,
    };
    world.add_files(vec![file.clone(), file]);
    world.run_until(|world| world.journals() == 2 && world.times(Endpoint::Part) >= 2);
    let keys = world.kill(Kill::default());
    world.run();
    assert_eq!((keys.len(), world.rows.len()), (2, 2));
    assert!(keys.iter().all(|key| is_done(&world, *key)));
    assert_eq!(world.times(Endpoint::Start), 2);
}

#[test]
fn a_signed_upload_is_confirmed_after_a_kill_without_another_credential() {
    let (mut world, _) = halfway_in(World::signed(|_| {}), 3);
    let keys = world.kill(Kill::default());
    world.run();
    assert!(matches!(world.state(keys[0]), RowState::Done { confirmed: true, .. }));
    assert_eq!((world.times(Endpoint::Credential), world.times(Endpoint::Start)), (1, 1));
}

#[test]
fn who_pauses_and_resumes_while_a_file_is_compared_goes_on() {
    let (mut world, _) = halfway(3);
    world.fingerprinting = Fingerprinting::Within(Millis(1_000));
    let key = world.kill(Kill { then: Then::Add, ..Kill::default() })[0];
    assert_eq!(world.state(key), &RowState::Checking);
    world.command(Command::Pause(Which::One(key)));
    world.command(Command::Resume(Which::One(key)));
    world.run();
    assert!(is_done(&world, key), "{:?}", world.state(key));
}

#[test]
fn a_file_that_goes_on_counts_among_those_that_a_policy_allows() {
    let world = World::new(|config| config.policy.max_files = Some(2));
    let (mut world, key) = halfway_in(world, 3);
    let right = world.file(key).clone();
    world.kill(Kill { then: Then::Leave, ..Kill::default() });
    let other = |name: &str| OnDisk { facts: NewFile { name: name.into(), ..right.facts.clone() }, content: 3 };
    let keys = world.add_files(vec![right.clone(), other("a"), other("b")]);
    world.run();
    assert!(is_done(&world, keys[0]) && is_done(&world, keys[1]));
    assert!(matches!(world.state(keys[2]), RowState::Rejected(_)), "{:?}", world.state(keys[2]));
}

/// What an engine does with an upload from before, in a word.
fn taken_up(world: &World, age: Millis, change: impl FnOnce(&mut Config)) -> &'static str {
    let mut config = Config::new(PublicKey::parse("demopublickey").expect("a public key"));
    config.upload_base = "http://upload".into();
    change(&mut config);
    let mut engine = Engine::new(config, 1);
    let mut found = world.recovered(Reach::Choose);
    found[0].age = age;
    // Told twice, it is still one.
    found.push(found[0].clone());
    engine.handle(Millis(0), Input::Recovered(found));
    let actions: Vec<_> = std::iter::from_fn(|| engine.poll()).collect();
    match (engine.snapshot().rows.len(), &actions[..]) {
        (1, []) => "a row",
        (0, [Action::Journal(Journal::End { .. }), Action::Journal(Journal::End { .. })]) => "deleted",
        (0, [Action::Journal(Journal::Leave { .. }), Action::Journal(Journal::Leave { .. })]) => "left",
        (rows, _) => panic!("{rows} rows, {actions:?}"),
    }
}

#[test]
fn an_upload_from_before_is_taken_up_within_its_life_if_it_is_ours_and_still_allowed() {
    let (world, _) = halfway(3);
    let hour = Millis::from_seconds(3_600);
    let life = Millis(23 * hour.0);
    let (young, old) = (Millis(life.0 - 1), life);
    for (age, public_key, largest, expected) in [
        (Millis(0), "demopublickey", None, "a row"),
        (young, "demopublickey", None, "a row"),
        (old, "demopublickey", None, "deleted"),
        (young, "demopublickey", Some(30 * MIB), "a row"),
        (young, "demopublickey", Some(30 * MIB - 1), "deleted"),
        (Millis(0), "another", None, "left"),
        (young, "another", None, "left"),
        (old, "another", None, "deleted"),
    ] {
        let found = taken_up(&world, age, |config| {
            config.public_key = PublicKey::parse(public_key).unwrap();
            config.policy.max_file_size = largest;
        });
        assert_eq!(found, expected, "{age:?} {public_key} {largest:?}");
    }
}

#[test]
fn of_several_uploads_only_the_one_that_could_not_be_written_down_would_be_lost() {
    for (removed, lost) in [(0, true), (1, false)] {
        let mut world = World::new(|_| {});
        let keys = world.add(&[60 * MIB, 61 * MIB]);
        world.run_until(|world| world.journals() == 2);
        let second = world.recovered(Reach::Choose)[1].upload;
        assert!(!world.engine.would_lose());
        world.input(Input::JournalFailed(second));
        world.command(Command::Remove(Which::One(keys[removed])));
        assert_eq!(world.engine.would_lose(), lost, "without the {removed}");
    }
}

#[test]
fn a_journal_that_fails_while_a_file_is_chosen_for_it_costs_no_upload() {
    let (mut world, key) = halfway(3);
    let right = world.file(key).clone();
    world.kill(Kill { then: Then::Leave, ..Kill::default() });
    let row = *world.rows.keys().next().unwrap();
    let upload = world.recovered(Reach::Choose)[0].upload;
    world.input(Input::JournalFailed(upload));
    world.choose(row, right);
    world.run();
    assert!(is_done(&world, row));
    assert_eq!(world.times(Endpoint::Start), 1);
}

#[test]
fn what_the_service_has_of_no_use_is_forgotten_and_what_may_still_be_finished_is_not() {
    for (endpoint, fault, code, kept) in [
        (Endpoint::Part, Fault::Status(503), "server", 1),
        (Endpoint::Part, Fault::Unreadable, "unreadable", 1),
        (Endpoint::Part, Fault::Status(413), "refused", 0),
        (Endpoint::Complete, Fault::Throttled(1), "throttled", 1),
        (Endpoint::Complete, Fault::Code(403, "ProjectPublicKeyInvalidError"), "key-refused", 1),
        (Endpoint::Complete, Fault::Code(400, "FileTypeForbiddenError"), "refused", 0),
        (Endpoint::Complete, Fault::Truncated, "size-differs", 0),
        (Endpoint::Confirm, Fault::Status(403), "not-confirmed", 1),
        (Endpoint::Confirm, Fault::Status(422), "policy-refused", 0),
        (Endpoint::Confirm, Fault::Status(404), "lost", 0),
    ] {
        let mut world = World::signed(|_| {}).always(endpoint, fault);
        let key = world.add(&[30 * MIB])[0];
        world.run();
        let RowState::Failed(failure) = world.state(key) else { panic!("{:?}", world.state(key)) };
        assert_eq!((failure.code(), world.journals()), (code, kept), "{endpoint:?} {fault:?}");
    }
}
