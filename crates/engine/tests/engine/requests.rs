//! What requests carry, and what a driver is to hear of them.

use crate::MIB;
use updock_engine::simulator::{Endpoint, Fault, World};
use updock_engine::{Millis, Pacing, RowState, Store};

/// The requests to an address that were sent so far, in words.
fn requests<'a>(world: &'a World, address: &str) -> Vec<&'a str> {
    let trace = world.trace.as_ref().expect("a world that records");
    trace.iter().map(String::as_str).filter(|line| line.contains("Send(") && line.contains(address)).collect()
}

fn done(world: &World) -> usize {
    world.rows.values().filter(|row| matches!(row.state, RowState::Done { .. })).count()
}

#[test]
fn a_file_says_whether_it_is_to_be_kept() {
    for (store, said) in [(Store::Auto, "auto"), (Store::Always, "1"), (Store::Never, "0")] {
        let mut world = World::new(|config| config.store = store).recording();
        world.add(&[1, 30 * MIB]);
        world.run();
        let expected = format!("FormField {{ name: \"UPLOADCARE_STORE\", value: Text(\"{said}\") }}");
        for address in ["/base/", "/multipart/start/"] {
            let sent = requests(&world, address);
            assert!(sent.len() == 1 && sent[0].contains(&expected), "{store:?}: {sent:?}");
        }
    }
}

#[test]
fn a_driver_listens_to_what_takes_time_and_to_nothing_else() {
    // What is over in a second, as the direct upload before went: 600 kB in 20 ms, and then a small file in as long.
    let sizes = [
        (600_000, "Bytes"),
        (1_000_000, "Nothing"),
        (9 * MIB, "Nothing"),
        (1_000, "Nothing"),
        (60_000, "Nothing"),
        (9 * MIB, "Bytes"),
    ];
    let mut world = World::new(|_| {}).recording();
    for (size, _) in &sizes {
        world.add(&[*size]);
        world.run();
    }
    let heard = requests(&world, "/base/");
    assert_eq!(heard.len(), sizes.len());
    for (sent, (size, hears)) in heard.iter().zip(sizes) {
        assert!(sent.ends_with(&format!("hears: {hears} }})")), "{size}: {sent}");
    }
    world.add(&[30 * MIB]);
    world.run();
    assert!(requests(&world, "http://storage/").iter().all(|part| part.ends_with("hears: Bytes })")));
}

#[test]
fn a_browser_asks_leave_for_a_credential_anyway_so_that_its_file_is_listened_to() {
    let mut world = World::signed(|_| {}).recording();
    world.add(&[1_000]);
    world.run();
    assert!(requests(&world, "/base/")[0].ends_with("hears: Bytes })"));
}

#[test]
fn a_refusal_says_nothing_about_the_line() {
    for fault in [Fault::Status(503), Fault::Reset, Fault::Html] {
        let mut world = World::new(|_| {}).recording().fault(Endpoint::Base, 1, fault);
        world.add(&[600_000]);
        world.run();
        let sent = requests(&world, "/base/");
        assert!(sent.len() == 2 && sent.iter().all(|sent| sent.ends_with("hears: Bytes })")), "{fault:?}: {sent:?}");
    }
}

#[test]
fn completion_carries_a_credential_from_when_the_service_asked_for_one() {
    let mut world =
        World::signed(|_| {}).recording().fault(Endpoint::Complete, 1, Fault::Code(400, "SignatureRequiredError"));
    world.add(&[30 * MIB]);
    world.run();
    let sent = requests(&world, "/multipart/complete/");
    assert_eq!((done(&world), sent.len()), (1, 2));
    assert!(sent[0].contains("bearer: None") && sent[1].contains("bearer: Some"), "{sent:?}");
}

#[test]
fn a_look_that_wants_a_credential_is_not_repeated_without_one() {
    let mut world = World::signed(|config| config.confirm_url = None)
        .always(Endpoint::Info, Fault::Code(401, "SignatureRequiredError"));
    let key = world.add(&[1])[0];
    world.run();
    assert!(matches!(world.state(key), RowState::Failed(_)), "{:?}", world.state(key));
    assert_eq!(world.times(Endpoint::Info), 1);
}

#[test]
fn parts_of_all_files_together_leave_room_for_other_requests() {
    let mut world = World::new(|config| config.pacing = Pacing::Steady(8));
    world.link.latency = Millis(1_000);
    world.add(&[60 * MIB, 61 * MIB]);
    let mut most = 0;
    while world.step() {
        most = most.max(world.in_flight(Endpoint::Part));
    }
    assert_eq!((done(&world), most), (2, 6));
}
