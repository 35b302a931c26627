//! Speed and memory of the state machine itself, on one core, by the processor's time.

use crate::{MIB, table::Table};
use std::{hint::black_box, time::Instant};
use updock_engine::simulator::World;
use updock_engine::{
    Action, Answer, Command, Config, Engine, Expect, Fingerprint, Input, Millis, NewFile, RequestId, RowState, Start,
    Which,
};
use updock_types::{FileUuid, PublicKey, upload::MultipartStarted};

const MILLION: usize = 1_000_000;

pub(crate) fn run(table: &mut Table) {
    memory(table); // first, while nothing else has used any
    inputs(table);
    lists(table);
    simulation(table);
}

fn engine(change: impl FnOnce(&mut Config)) -> Engine {
    let mut config = Config::new(PublicKey::parse("demopublickey").unwrap());
    change(&mut config);
    Engine::new(config, 7)
}

fn file(number: usize, size: u64) -> NewFile {
    NewFile {
        name: format!("holiday {number}.jpeg"),
        size,
        media_type: "image/jpeg".into(),
        modified: 0,
        options: None,
    }
}

fn files(count: usize, size: u64) -> Input {
    Input::FilesAdded((0..count).map(|number| file(number, size)).collect())
}

/// The processor's time that this thread has had, in seconds; the wall's where the system does not tell. What others do
/// on the machine counts only as far as they push this out of the caches.
#[derive(Clone, Copy)]
struct Clock(Option<f64>, Instant);

impl Clock {
    fn start() -> Self {
        Self(on_processor(), Instant::now())
    }

    fn seconds(self) -> f64 {
        match (self.0, on_processor()) {
            (Some(started), Some(now)) => now - started,
            _ => self.1.elapsed().as_secs_f64(),
        }
    }
}

fn on_processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// Bytes of memory that this process holds.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).map_or(f64::NAN, |kib: f64| kib * 1024.0)
}

fn memory(table: &mut Table) {
    const FILES: usize = 200_000;
    for (start, what) in [(Start::OnCommand, "ready"), (Start::AtOnce, "queued")] {
        let before = resident();
        let mut engine = engine(|config| config.start = start);
        for _ in 0..FILES / 1000 {
            engine.handle(Millis(0), files(1000, 1_000_000));
            engine.take_changes();
        }
        let bytes = (resident() - before) / 200_000.0;
        black_box(&engine);
        table.at_most(&format!("memory of an idle file, {what}"), bytes, 1024.0, "bytes");
        // Not given back to what is measured next.
        std::mem::forget(engine);
    }
}

/// As a driver works: each part tells eight times how far it is, every action is done, every deadline asked for, and
/// rows are shown now and then.
fn inputs(table: &mut Table) {
    const INPUTS: u32 = 3_000_000;
    let mut engine = engine(|_| {});
    engine.handle(Millis(0), files(5000, 1000 * MIB));
    let mut flying: Vec<(RequestId, Expect, u64)> = Vec::new();
    let mut unprinted = Vec::new();
    let (mut now, mut done) = (Millis(0), 0u32);
    let started = Clock::start();
    let mut at = 0;
    while done < INPUTS {
        while let Some(action) = engine.poll() {
            match action {
                Action::Send(request) => {
                    let urls = match &request.expects {
                        Expect::Started => number(&request, "size").div_ceil(number(&request, "part_size")),
                        _ => 0,
                    };
                    flying.push((request.id, request.expects, urls));
                }
                Action::Abort(id) => flying.retain(|flight| flight.0 != id),
                Action::Fingerprint(file) => unprinted.push(file),
                Action::AskPage { .. }
                | Action::Release(_)
                | Action::Journal(_)
                | Action::Open { .. }
                | Action::Adopt { .. } => {}
            }
        }
        for file in unprinted.drain(..) {
            engine.handle(now, Input::Fingerprinted { file, fingerprint: Fingerprint::Unavailable });
        }
        now = now.after(Millis(1));
        at = (at + 1) % flying.len();
        let (request, expects, urls) = &flying[at];
        let (request, parts) = (*request, *urls);
        if *expects == Expect::PartStored {
            for eighth in 1..=8 {
                engine.handle(now, Input::Progressed { request, sent: eighth * 640 * 1024 });
                black_box(engine.deadline());
                done += 1;
            }
        }
        let uuid = FileUuid::from_random_bytes([7; 16]);
        let answer = match expects {
            Expect::PartStored => Answer::PartStored,
            Expect::Started => Answer::Started(MultipartStarted {
                uuid,
                parts: (0..parts)
                    .map(|part| format!("https://storage.example.com/{part}?signature=0123456789"))
                    .collect(),
            }),
            _ => Answer::Facts(updock_types::fields::FileFacts {
                uuid,
                size: 1000 * MIB,
                is_ready: true,
                is_stored: true,
                mime_type: String::new(),
            }),
        };
        flying.swap_remove(at);
        engine.handle(now, Input::Answered { request, answer });
        black_box((engine.deadline(), engine.totals()));
        done += 1;
        if now.0.is_multiple_of(16) {
            black_box(engine.take_changes());
        }
    }
    table.at_least("inputs", f64::from(done) / started.seconds() / 1e6, 1.0, "million/s");
}

fn number(request: &updock_engine::Request, name: &str) -> u64 {
    let updock_engine::Body::Form(fields) = &request.body else { panic!("no form") };
    match &fields.iter().find(|field| field.name == name).unwrap().value {
        updock_engine::FormValue::Text(text) => text.parse().unwrap(),
        _ => panic!("no text"),
    }
}

fn lists(table: &mut Table) {
    let mut some = engine(|_| {});
    some.handle(Millis(0), files(10_000, MIB));
    some.take_changes();
    let mut times: Vec<f64> = (0..21)
        .map(|_| {
            let started = Instant::now();
            black_box(some.snapshot());
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    table.at_most("snapshot of 10 000 files", times[10], 1.0, "ms");
    let Some(Action::Send(request)) = some.poll() else { panic!("it sends") };
    // The first bytes may open the pace, and others begin.
    some.handle(Millis(1), Input::Progressed { request: request.id, sent: 1000 });
    some.take_changes();
    some.handle(Millis(1), Input::Progressed { request: request.id, sent: 2000 });
    table.at_most(
        "rows told after one of 10 000 moved",
        f64::from(u32::try_from(some.take_changes().len()).unwrap()),
        1.0,
        "",
    );

    let mut many = engine(|_| {});
    let input = files(MILLION, MIB);
    let mut timed = |what: &str, act: &mut dyn FnMut()| {
        let started = Clock::start();
        act();
        table.at_most(what, started.seconds(), 5.0, "s");
    };
    let mut input = Some(input);
    timed("a million files added at once", &mut || many.handle(Millis(0), input.take().unwrap()));
    for command in [Command::Pause(Which::All), Command::Resume(Which::All), Command::First(Which::All)] {
        timed(&format!("a million files: {command:?}"), &mut || many.handle(Millis(1), Input::Command(command)));
    }
    timed("a million files removed one by one", &mut || {
        let keys: Vec<_> = many.snapshot().rows.iter().map(|row| row.key).collect();
        for key in keys {
            many.handle(Millis(2), Input::Command(Command::Remove(Which::One(key))));
            while many.poll().is_some() {}
            many.take_changes();
        }
    });
    assert_eq!(many.totals().files, 0);
    let mut many = engine(|_| {});
    timed("a million files added one by one", &mut || {
        for number in 0..MILLION {
            many.handle(Millis(0), Input::FilesAdded(vec![file(number, MIB)]));
            black_box((many.totals(), many.take_changes()));
        }
    });
    assert_eq!(many.totals().files, 1_000_000);
}

fn simulation(table: &mut Table) {
    let mut world = World::new(|_| {});
    let started = Clock::start();
    world.add(&vec![1700 * MIB; 10_000]);
    world.run();
    table.at_most("10 000 files of 100 parts simulated to the end", started.seconds(), 5.0, "s");
    assert!(world.rows.values().all(|row| matches!(row.state, RowState::Done { .. })));
    let parts = world.times(updock_engine::simulator::Endpoint::Part);
    assert!(parts >= 1_000_000, "{parts} parts");
}
