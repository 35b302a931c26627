//! Changes to a request that know nothing of what it means.

use crate::{
    case::Case,
    words::{odd, once_in},
};
use fastrand::Rng;

/// Larger bodies only cost time.
const MOST: usize = 256 * 1024;

/// `case` with a few changes; `other` is where pieces may be taken from.
pub(crate) fn mutate(rng: &mut Rng, case: &Case, other: &Case) -> Case {
    let mut case = case.clone();
    for _ in 0..=rng.usize(..3) {
        match rng.u32(..12) {
            0 => case.target = bytes(rng, case.target, &other.target),
            1 => {
                let method =
                    rng.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"].iter()).unwrap();
                (*method).clone_into(&mut case.method);
            }
            2 if !case.headers.is_empty() => _ = case.headers.remove(rng.usize(..case.headers.len())),
            3 if !other.headers.is_empty() => {
                case.headers.push(other.headers[rng.usize(..other.headers.len())].clone());
            }
            4 => case.body.clone_from(&other.body),
            5 => case.target.clone_from(&other.target),
            6 | 7 if !case.headers.is_empty() => {
                let at = rng.usize(..case.headers.len());
                let other = other.headers.first().map_or(&b""[..], |(_, value)| value);
                case.headers[at].1 = bytes(rng, std::mem::take(&mut case.headers[at].1), other);
            }
            _ => case.body = bytes(rng, case.body, &other.body),
        }
    }
    case.target.truncate(8 * 1024);
    case.body.truncate(MOST);
    case
}

fn bytes(rng: &mut Rng, mut bytes: Vec<u8>, other: &[u8]) -> Vec<u8> {
    for _ in 0..=rng.usize(..3) {
        let at = rng.usize(..=bytes.len());
        let until = (at + rng.usize(..16)).min(bytes.len());
        match rng.u32(..9) {
            0 if at < bytes.len() => bytes[at] = rng.u8(..),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.u32(..8),
            2 => _ = bytes.drain(at..until),
            3 => bytes.truncate(at),
            4 => bytes.insert(at, rng.u8(..)),
            5 => {
                let piece = bytes[at..until].to_vec();
                let times = if once_in(rng, 10) { rng.usize(..400) } else { 1 };
                _ = bytes.splice(at..at, piece.repeat(times));
            }
            6 if !other.is_empty() => {
                let from = rng.usize(..other.len());
                let to = (from + rng.usize(..32)).min(other.len());
                _ = bytes.splice(at..until, other[from..to].iter().copied());
            }
            7 => _ = bytes.splice(at..at, odd(rng).into_bytes()),
            _ => _ = number(rng, &mut bytes, at),
        }
    }
    bytes
}

/// Puts another number in the place of the next one.
fn number(rng: &mut Rng, bytes: &mut Vec<u8>, from: usize) -> Option<()> {
    let start = from + bytes[from..].iter().position(u8::is_ascii_digit)?;
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number =
        rng.choice([0, 1, 2, 4, 100, 101, 1000, 1001, 65_536, u64::from(u32::MAX), i64::MAX as u64, u64::MAX])?;
    _ = bytes.splice(start..start + digits, number.to_string().into_bytes());
    Some(())
}

/// Smaller versions of `case`, boldest first.
pub(crate) fn smaller(case: &Case) -> Vec<Case> {
    let mut found = Vec::new();
    for at in 0..case.headers.len() {
        let mut case = case.clone();
        case.headers.remove(at);
        found.push(case);
    }
    let picks: [fn(&mut Case) -> &mut Vec<u8>; 2] = [|case| &mut case.body, |case| &mut case.target];
    for pick in picks {
        let whole = pick(&mut case.clone()).len();
        let mut piece = whole;
        while piece > 0 {
            for from in (0..whole).step_by(piece).take(16) {
                let mut case = case.clone();
                pick(&mut case).drain(from..(from + piece).min(whole));
                found.push(case);
            }
            piece /= 2;
        }
    }
    found
}
