//! What is kept of a file's way.

use crate::MIB;
use updock_engine::simulator::{Endpoint, Fault, World};
use updock_engine::{Cause, Command, Errand, Event, FileKey, Millis, Network, Start, Which};

fn events(world: &World, key: FileKey) -> Vec<Event> {
    world.engine.story(key).expect("it is in the list").moments.iter().map(|moment| moment.what).collect()
}

#[test]
fn the_way_of_a_file_is_told_in_order() {
    let mut world = World::signed(|_| {}).fault(Endpoint::Part, 3, Fault::Status(503));
    let key = world.add(&[30 * MIB])[0];
    world.run();
    let story = world.engine.story(key).unwrap();
    let told: Vec<String> = story.moments.iter().map(|moment| moment.what.to_string()).collect();
    assert_eq!(told[..3], ["credential fetched", "start of an upload in parts sent", "started, in 6 parts"]);
    assert!(told[3].starts_with("part 3 failed: status 503; again after 0."), "{told:?}");
    assert_eq!(told[4..], ["all bytes arrived", "completion sent", "confirmation sent", "done"]);
    assert!(story.moments.iter().is_sorted_by_key(|moment| moment.at));
}

#[test]
fn nothing_is_kept_before_something_happens() {
    let mut world = World::new(|config| config.start = Start::OnCommand);
    let key = world.add(&[1])[0];
    assert!(events(&world, key).is_empty());
    assert_eq!(world.engine.story(FileKey(9)), None);
}

#[test]
fn a_story_begins_when_its_file_was_added() {
    let mut world = World::new(|config| config.start = Start::OnCommand);
    world.sleep(Millis(5_000));
    let key = world.add(&[1])[0];
    assert_eq!(world.engine.story(key).unwrap().added, Millis(5_000));
    world.command(Command::Start(Which::All));
    world.run();
    let story = world.engine.story(key).unwrap();
    assert!(!story.moments.is_empty() && story.added == Millis(5_000), "{story:?}");
}

#[test]
fn what_people_and_the_network_do_is_told() {
    let mut world = World::new(|_| {});
    let key = world.add(&[30 * MIB])[0];
    let one = Which::One(key);
    world.network(Network::Offline);
    world.network(Network::Offline);
    world.network(Network::Online);
    world.command(Command::Pause(one));
    world.command(Command::Resume(one));
    world.command(Command::Cancel(one));
    world.command(Command::Retry(one));
    world.run();
    let seen = events(&world, key);
    let expected = [Event::Offline, Event::Online, Event::Paused, Event::Resumed, Event::Cancelled, Event::Retried];
    let told: Vec<Event> = seen.iter().copied().filter(|event| expected.contains(event)).collect();
    assert_eq!(told, expected, "{seen:?}");
    assert_eq!(seen.last(), Some(&Event::Done));
}

#[test]
fn a_story_holds_no_secret_no_name_and_no_sentence() {
    let mut world = World::signed(|_| {}).always(Endpoint::Base, Fault::Code(403, "SignatureInvalidError"));
    let key = world.add(&[1])[0];
    world.run();
    let text = world.engine.story(key).unwrap().to_string();
    assert!(text.contains("failed for good: credential-refused"), "{text}");
    for secret in ["A sentence", "file 1", "http", "1:"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn an_endless_story_stays_short() {
    let mut world = World::new(|_| {});
    for nth in 1..=400 {
        world = world.fault(Endpoint::Part, nth, Fault::Reset);
    }
    let key = world.add(&[300 * MIB])[0];
    world.run();
    let story = world.engine.story(key).unwrap();
    assert!(story.moments.len() <= 48 && story.left_out > 0);
    let again = Event::Again { request: Errand::Part, part: 1, cause: Cause::Network, wait: Millis(0) };
    assert!(size_of_val(&again) <= 24);
}
