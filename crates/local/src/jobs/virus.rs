//! Looking for the EICAR test file: in a file's bytes, and in archives inside archives, within limits.
//!
//! It is the one "virus" that may lie in a test; what else there is, this does not know. The limits are those of
//! `ClamAV` in kind: what lies beyond them is not looked at, and counts as clean. Source: EICAR, anti-malware test file.

use memchr::memmem;
use std::io::{self, Cursor, Read, Seek};
use zip::ZipArchive;

/// How `ClamAV` names it.
pub(super) const NAME: &str = "Win.Test.EICAR_HDB-1";

/// Archives in archives.
const MAX_DEPTH: u32 = 8;
/// Entries looked into, over all archives of a file.
const MAX_ENTRIES: u32 = 10_000;
/// Bytes unpacked, over all archives of a file.
const MAX_UNPACKED: u64 = 400 * 1024 * 1024;
/// Largest archive in an archive.
const MAX_INNER: usize = 32 * 1024 * 1024;
/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// The test file. Put together here, or scanners would take this program for it.
pub(super) fn signature() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-", "TEST-FILE!$H+H*"].concat().into_bytes()
}

/// What is left of the limits.
struct Budget {
    entries: u32,
    bytes: u64,
}

/// Is the test file in there?
pub(super) fn is_infected(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let wanted = signature();
    if contains(file, &wanted, u64::MAX)?.found {
        return Ok(true);
    }
    file.rewind()?;
    let mut budget = Budget { entries: MAX_ENTRIES, bytes: MAX_UNPACKED };
    Ok(unpack(file, &wanted, MAX_DEPTH, &mut budget))
}

/// Looks into an archive; what is none, or is damaged, holds nothing that could be run.
fn unpack(file: &mut (impl Read + Seek), wanted: &[u8], depth: u32, budget: &mut Budget) -> bool {
    let Ok(mut archive) = ZipArchive::new(file) else { return false };
    for at in 0..archive.len() {
        if budget.entries == 0 || budget.bytes == 0 {
            return false;
        }
        budget.entries -= 1;
        // Encrypted, or packed in a way that is not known here.
        let Ok(mut entry) = archive.by_index(at) else { continue };
        // A damaged entry may still have shown what it holds.
        let seen = contains(&mut entry, wanted, budget.bytes).unwrap_or_default();
        budget.bytes -= seen.read.min(budget.bytes);
        if seen.found {
            return true;
        }
        if depth > 0
            && let Some(inner) = seen.archive
            && unpack(&mut Cursor::new(inner), wanted, depth - 1, budget)
        {
            return true;
        }
    }
    false
}

#[derive(Default)]
struct Seen {
    found: bool,
    read: u64,
    /// The bytes, if they are an archive that is not too large.
    archive: Option<Vec<u8>>,
}

fn contains(reader: &mut impl Read, wanted: &[u8], limit: u64) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let mut window: Vec<u8> = Vec::with_capacity(CHUNK + wanted.len());
    let mut kept: Option<Vec<u8>> = None;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = &chunk[..read];
        if seen.read == 0 && bytes.starts_with(b"PK") {
            kept = Some(Vec::new());
        }
        seen.read += read as u64;
        if let Some(archive) = &mut kept {
            archive.extend_from_slice(bytes);
            if archive.len() > MAX_INNER {
                kept = None;
            }
        }
        window.extend_from_slice(bytes);
        if memmem::find(&window, wanted).is_some() {
            seen.found = true;
            return Ok(seen);
        }
        // What may be the start of it stays.
        window.drain(..window.len().saturating_sub(wanted.len() - 1));
        if seen.read >= limit {
            return Ok(seen);
        }
    }
    seen.archive = kept;
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::office::archive;

    fn infected(bytes: &[u8]) -> bool {
        is_infected(&mut Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn it_is_found_wherever_it_lies() {
        let eicar = signature();
        assert_eq!(eicar.len(), 68);
        assert!(infected(&eicar));
        for before in [0, 1, CHUNK - 70, CHUNK - 67, CHUNK - 34, CHUNK - 1, CHUNK, 3 * CHUNK + 5] {
            assert!(infected(&[vec![b'x'; before], eicar.clone(), vec![b'y'; 9]].concat()), "{before}");
        }
        let mut packed = archive(&[("readme.txt", b"hello"), ("eicar.com", &eicar)]).unwrap();
        for depth in 0..=MAX_DEPTH {
            assert!(infected(&packed), "{depth}");
            packed = archive(&[("inner.zip", &packed)]).unwrap();
        }
    }

    #[test]
    fn what_is_clean_is_clean() {
        let almost = &signature()[..67];
        let zip = archive(&[("a", almost), ("b.zip", &archive(&[("c", b"PK")]).unwrap())]).unwrap();
        for bytes in [&b""[..], b"hello", almost, b"PK\x03\x04", &zip, &zip[..zip.len() / 2]] {
            assert!(!infected(bytes));
        }
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_limits() {
        // Eight megabytes of zeros in eight kilobytes, sixteen times over, and that in an archive again.
        let zeros = vec![0; 8 * 1024 * 1024];
        let bomb = archive(&[("zeros", &zeros)]).unwrap();
        let names: Vec<String> = (0..16).map(|at| format!("{at}.zip")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), bomb.as_slice())).collect();
        let outer = archive(&many).unwrap();
        assert!(outer.len() < 512 * 1024);
        let mut budget = Budget { entries: MAX_ENTRIES, bytes: 20 * 1024 * 1024 };
        assert!(!unpack(&mut Cursor::new(&outer), &signature(), MAX_DEPTH, &mut budget));
        assert_eq!(budget.bytes, 0, "it was not stopped");
    }

    #[test]
    fn damage_is_never_a_panic() {
        let whole = archive(&[("eicar.com", &signature()), ("b", b"hello")]).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            let _ = infected(&bytes);
            let _ = infected(&whole[..at]);
        }
    }
}
