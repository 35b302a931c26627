//! Files that the service fetches from an address.

use updock_engine::simulator::{Endpoint, Fault, World};
use updock_engine::{Command, Failure, Input, Millis, NewUrl, RowState, Start, Which};
use updock_types::policy::{AcceptRule, Refusal};

const FILM: &str = "https://example.com/films/film.mp4?x=1";

#[test]
fn a_file_is_fetched_and_is_a_row_like_any_other() {
    for signed in [false, true] {
        let mut world = if signed { World::signed(|_| {}) } else { World::new(|_| {}) };
        let key = world.add_url(FILM, Ok(1_000_000));
        assert_eq!(&*world.rows[&key].name, "film.mp4");
        world.run_until(|world| world.rows[&key].sent > 0);
        let row = &world.rows[&key];
        assert_eq!((row.sent, row.size, &row.state), (250_000, 1_000_000, &RowState::Uploading));
        assert_eq!(row.percent(), 25);
        world.run();
        let row = &world.rows[&key];
        assert!(matches!(row.state, RowState::Done { confirmed, .. } if confirmed == signed), "{row:?}");
        assert_eq!((row.sent, row.size, &*row.media_type), (1_000_000, 1_000_000, "image/png"));
        assert_eq!(world.engine.totals().bytes, 1_000_000);
    }
}

#[test]
fn looks_grow_apart_while_nothing_moves_and_end() {
    let mut world = World::new(|_| {}).always(Endpoint::Fetching, Fault::StillWaiting);
    let key = world.add_url(FILM, Ok(1));
    world.run();
    assert_eq!(world.state(key), &RowState::Failed(Failure::NotReady));
    assert_eq!(world.times(Endpoint::Fetching), 61);
    assert!((Millis::from_seconds(250)..Millis::from_seconds(400)).contains(&world.now), "{:?}", world.now);
}

#[test]
fn a_source_that_is_slow_is_waited_for_and_one_that_never_ends_is_not() {
    let mut world = World::new(|_| {});
    for nth in 1..=200 {
        world = world.fault(Endpoint::Fetching, nth, Fault::Trickling);
    }
    let key = world.add_url(FILM, Ok(1_000_000));
    world.run();
    assert!(matches!(world.state(key), RowState::Done { .. }), "{:?}", world.state(key));

    let mut world = World::new(|_| {}).always(Endpoint::Fetching, Fault::Trickling);
    let key = world.add_url(FILM, Ok(1_000_000));
    world.run();
    assert_eq!(world.state(key), &RowState::Failed(Failure::NotReady));
    assert_eq!(world.times(Endpoint::Fetching), 20_001);
}

#[test]
fn what_the_source_refuses_is_told_at_once_and_what_may_pass_is_tried_again() {
    for (code, asked) in [("DownloadFileHTTPClientError", 1), ("DownloadFileHTTPServerError", 4)] {
        let mut world = World::new(|_| {});
        let key = world.add_url(FILM, Err(code));
        world.run();
        let expected = Failure::NotFetched { code: code.into(), detail: "A sentence.".into() };
        assert_eq!(world.state(key), &RowState::Failed(expected));
        assert_eq!(world.times(Endpoint::Fetch), asked, "{code}");
    }
}

#[test]
fn an_address_that_the_service_refuses_fails_with_its_code() {
    let mut world = World::new(|_| {}).always(Endpoint::Fetch, Fault::Code(400, "URLHostPrivateIPForbiddenError"));
    let key = world.add_url("http://192.168.1.10/1.jpg", Ok(1));
    world.run();
    let RowState::Failed(Failure::Refused { code, .. }) = world.state(key) else { panic!("{:?}", world.state(key)) };
    assert_eq!(&**code, "URLHostPrivateIPForbiddenError");
}

#[test]
fn faults_on_the_way_are_survived() {
    for endpoint in [Endpoint::Fetch, Endpoint::Fetching] {
        for fault in [Fault::Status(503), Fault::Reset, Fault::Silence, Fault::Html, Fault::Throttled(2)] {
            let mut world = World::signed(|_| {}).fault(endpoint, 1, fault);
            let key = world.add_url(FILM, Ok(5_000));
            world.run();
            assert!(matches!(world.state(key), RowState::Done { .. }), "{endpoint:?} {fault:?}");
        }
    }
}

#[test]
fn a_cancelled_fetch_is_not_asked_after_and_can_be_retried() {
    let mut world = World::new(|_| {});
    let key = world.add_url(FILM, Ok(5_000));
    world.run_until(|world| world.times(Endpoint::Fetching) == 2);
    world.command(Command::Cancel(Which::One(key)));
    let asked = world.sent.len();
    world.run();
    assert_eq!((world.sent.len(), world.state(key)), (asked, &RowState::Failed(Failure::Cancelled)));
    world.command(Command::Retry(Which::One(key)));
    world.run();
    assert!(matches!(world.state(key), RowState::Done { .. }));
    assert_eq!(world.times(Endpoint::Fetch), 1, "the service was at it all the while");
}

#[test]
fn a_source_that_has_become_smaller_when_it_is_tried_again_keeps_its_share() {
    let mut world = World::new(|_| {}).fault(Endpoint::Fetching, 4, Fault::Unreadable);
    let key = world.add_url(FILM, Ok(32_324));
    world.run();
    assert_eq!(world.state(key), &RowState::Failed(Failure::Unreadable));
    let percent = world.rows[&key].percent();
    assert!(percent > 0, "{:?}", world.rows[&key]);
    world.add_url(FILM, Ok(1));
    world.command(Command::Retry(Which::One(key)));
    world.run_until(|world| world.rows[&key].size == 1);
    assert!(world.rows[&key].percent() >= percent);
    world.run();
    assert!(matches!(world.state(key), RowState::Done { .. }));
    assert_eq!((world.rows[&key].sent, world.rows[&key].size), (1, 1));
}

#[test]
fn addresses_count_among_the_files_that_a_policy_allows() {
    let mut world = World::new(|config| {
        config.start = Start::OnCommand;
        config.policy.max_files = Some(2);
        config.policy.accept = AcceptRule::parse_list(".mp4");
    });
    let url = |name: &str| NewUrl { url: format!("https://example.com/{name}"), ..NewUrl::default() };
    world.input(Input::UrlsAdded(["a.mp4", "b.exe", "c.mp4", "d.mp4"].map(url).to_vec()));
    let states: Vec<_> = world.rows.values().map(|row| row.state.clone()).collect();
    let rejected = [Refusal::Type, Refusal::TooMany { limit: 2 }].map(RowState::Rejected);
    assert_eq!(states, [RowState::Ready, rejected[0].clone(), RowState::Ready, rejected[1].clone()]);
}

#[test]
fn files_that_the_service_fetches_keep_no_other_from_its_turn() {
    let mut world = World::new(|_| {}).always(Endpoint::Fetching, Fault::StillWaiting);
    for at in 0..20 {
        world.add_url(&format!("https://example.com/{at}"), Ok(1));
    }
    world.run_until(|world| world.times(Endpoint::Fetching) >= 20);
    let key = world.add(&[1_000])[0];
    let added = world.now;
    world.run_until(|world| matches!(world.state(key), RowState::Done { .. }));
    assert!(world.now.since(added) < Millis(1_000), "{:?}", world.now.since(added));
}
