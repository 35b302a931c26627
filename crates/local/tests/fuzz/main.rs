//! Fuzzing of the whole stand-in over a socket: no request, however broken, ends in a panic, a 5xx, a hang or an
//! answer that is not what its type says; and what was accepted can be read back.
//!
//! Each target writes requests from a grammar of valid ones with odd values in them, mutates their bytes, and keeps as
//! seeds those that were answered in a way not seen before. A test run takes a few hundred cases of each from a fixed
//! seed; `cargo xtask fuzz --minutes 60` takes as long as it is told, from a new one. What fails is made smaller and
//! saved in `regressions/`, where every test run sends it again.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a harness that fails should stop")]

mod case;
mod cdn;
mod credentials;
mod forms;
mod mutate;
mod rest;
mod run;
mod service;
mod words;

use case::Case;
use fastrand::Rng;

/// What is fuzzed: how a request is written, and whether uploads need a credential there.
struct Target {
    name: &'static str,
    write: fn(&mut Rng) -> Case,
    signed: bool,
}

const TARGETS: &[Target] = &[
    Target { name: "form", write: forms::multipart, signed: false },
    Target { name: "urlencoded", write: forms::urlencoded, signed: false },
    Target { name: "json", write: rest::json, signed: false },
    Target { name: "conversion", write: rest::conversion, signed: false },
    Target { name: "query", write: rest::query, signed: false },
    Target { name: "cdn", write: cdn::request, signed: false },
    Target { name: "part", write: forms::part, signed: false },
    Target { name: "authorization", write: credentials::authorization, signed: false },
    Target { name: "jwt", write: credentials::token, signed: true },
    Target { name: "signature", write: credentials::signature, signed: true },
];

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run::fuzz(stringify!($name));
        })*

        #[test]
        fn every_target_has_its_test() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! { form urlencoded json conversion query cdn part authorization jwt signature }

#[test]
fn what_was_found_stays_fixed() {
    run::replay();
}
