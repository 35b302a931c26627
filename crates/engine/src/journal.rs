//! The records of the journal: what is left of an upload when its engine is gone.
//!
//! An upload is a list of records. The first says everything that must be known to go on; then comes one of a few bytes
//! for each part that is stored, and one when completion begins. Every record ends with a check sum, so that one that
//! was cut off or damaged is no record. A list that cannot be understood is no upload: at worst bytes are sent again.

use crate::{
    Config, Digest, Millis, NewFile, Row, Store,
    file::{Inspecting, Step, Work},
    parts::Parts,
    requests::decimal,
};
use updock_types::{FileUuid, pieces, upload::limits};

/// What every first record begins with, and which version this is.
const NAME: &str = "updock ";
const VERSION: &str = "1";
/// What the other records begin with.
const PART: char = 'p';
const COMPLETION: &str = "c";

/// Part URLs live for 24 hours, of which the last one is left alone.
pub(crate) const LIFE: Millis = Millis::from_seconds(limits::PART_URL_SECONDS - 3600);

/// An upload from before.
pub(crate) struct Saved {
    pub(crate) file: NewFile,
    pub(crate) digest: Digest,
    pub(crate) work: Work,
}

/// Why a list is not gone on with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It cannot be understood.
    Damaged,
    /// It is another project's, or of another version: not ours to delete.
    Foreign,
}

/// The record a list begins with; `None` where a text would break it into other lines.
pub(crate) fn begin(config: &Config, row: &Row, modified: u64, digest: &Digest, parts: &Parts) -> Option<String> {
    let mut stored = String::new();
    for part in parts.all_stored() {
        stored.extend([if stored.is_empty() { "" } else { "," }, &decimal(part as u64)]);
    }
    let head = [
        &project(config),
        &parts.uuid.to_text(),
        &decimal(parts.part_size()),
        &decimal(row.size),
        &decimal(modified),
        digest.as_str(),
        &*row.media_type,
        &*row.name,
        &stored,
    ];
    if head.iter().any(|line| pieces::has(line, b'\n')) {
        return None;
    }
    let mut text = [NAME, VERSION, "\n", &pieces::joined(&head, "\n")].concat();
    shorten(parts.urls(), &mut text)?;
    Some(seal(text))
}

/// A part is stored.
pub(crate) fn part(part: usize) -> String {
    let mut text = decimal(part as u64);
    text.insert(0, PART);
    seal(text)
}

/// Completion begins.
pub(crate) fn completion() -> String {
    seal(COMPLETION.to_owned())
}

/// Reads a list. The last record may have been cut off; it is then as if it had never been written.
pub(crate) fn read(config: &Config, upload: FileUuid, records: &[String]) -> Result<Saved, Unusable> {
    let (first, rest) = records.split_first().ok_or(Unusable::Damaged)?;
    let first = open(first).ok_or(Unusable::Damaged)?;
    let first = first.strip_prefix(NAME).ok_or(Unusable::Damaged)?;
    if pieces::pieces(first, b'\n').next() != Some(VERSION) {
        return Err(Unusable::Foreign);
    }
    let mut lines = pieces::pieces(first, b'\n').skip(1);
    let mut line = || lines.next().ok_or(Unusable::Damaged);
    if line()? != project(config) {
        return Err(Unusable::Foreign);
    }
    let number = |text: &str| text.parse::<u64>().map_err(|_| Unusable::Damaged);
    if line()? != upload.to_text() {
        return Err(Unusable::Damaged);
    }
    let (part_size, size, modified) = (number(line()?)?, number(line()?)?, number(line()?)?);
    let digest = Digest::parse(line()?).ok_or(Unusable::Damaged)?;
    let (media_type, name, stored) = (line()?.to_owned(), line()?.to_owned(), line()?);
    if !(limits::PART_MIN_SIZE..=limits::PART_MAX_SIZE).contains(&part_size) {
        return Err(Unusable::Damaged);
    }
    let urls = lengthen(lines).ok_or(Unusable::Damaged)?;
    let mut parts = Parts::new(upload, urls, size, part_size).ok_or(Unusable::Damaged)?;
    let mut note = |text: &str| {
        let part = usize::try_from(number(text)?).map_err(|_| Unusable::Damaged)?;
        parts.already_stored(part).ok_or(Unusable::Damaged)
    };
    for part in pieces::pieces(stored, b',').filter(|part| !part.is_empty()) {
        note(part)?;
    }
    let mut completing = false;
    for (at, record) in rest.iter().enumerate() {
        match open(record) {
            Some(COMPLETION) => completing = true,
            Some(text) => note(text.strip_prefix(PART).ok_or(Unusable::Damaged)?)?,
            None if at + 1 == rest.len() => {}
            None => return Err(Unusable::Damaged),
        }
    }
    let mut work = Work::new(if !parts.all_finished() {
        Step::Parts(parts)
    } else if completing {
        Step::Inspect(upload, Inspecting::Completion)
    } else {
        Step::Complete(upload)
    });
    work.resumed = true;
    Ok(Saved { file: NewFile { name, size, media_type, modified, options: None }, digest, work })
}

/// Whose upload it is, and what was said about storing it when it began.
fn project(config: &Config) -> String {
    let store = match config.store {
        Store::Auto => " auto",
        Store::Always => " always",
        Store::Never => " never",
    };
    [config.public_key.as_str(), " ", &config.upload_base, store].concat()
}

/// Writes one line for each URL. Those of one upload differ in a part's number and its signature and are alike in
/// half a kilobyte: what equals the URL before, between two `&`, is left out.
fn shorten(urls: &[String], text: &mut String) -> Option<()> {
    let mut before: Vec<&str> = Vec::new();
    for url in urls {
        let pieces: Vec<&str> = pieces::pieces(url, b'&').collect();
        text.push('\n');
        for (at, piece) in pieces.iter().enumerate() {
            if piece.is_empty() || pieces::has(piece, b'\n') {
                return None;
            }
            if at > 0 {
                text.push('&');
            }
            if before.get(at) != Some(piece) {
                text.push_str(piece);
            }
        }
        before = pieces;
    }
    Some(())
}

/// Undoes [`shorten`].
fn lengthen<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<String>> {
    let mut before: Vec<&str> = Vec::new();
    let mut urls = Vec::new();
    for line in lines {
        let mut pieces = Vec::new();
        for (at, piece) in pieces::pieces(line, b'&').enumerate() {
            pieces.push(if piece.is_empty() { *before.get(at)? } else { piece });
        }
        urls.push(pieces::joined(&pieces, "&"));
        before = pieces;
    }
    Some(urls)
}

/// Puts the check sum behind a text.
fn seal(mut text: String) -> String {
    let sum = decimal(sum(&text));
    text.push('\n');
    text.push_str(&sum);
    text
}

/// The text of a record that is whole.
fn open(record: &str) -> Option<&str> {
    let (text, told) = pieces::cut_last(record, b'\n')?;
    (told == decimal(sum(text))).then_some(text)
}

/// FNV-1a: against accidents, not against people.
fn sum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileKey, RowState};
    use updock_types::PublicKey;

    const UPLOAD: &str = "17be4678-dab7-4bc7-8753-28914a22960a";
    const MIB: u64 = 1024 * 1024;

    fn config() -> Config {
        Config::new(PublicKey::parse("demopublickey").unwrap())
    }

    fn digest() -> Digest {
        Digest::parse(&"0a".repeat(32)).unwrap()
    }

    fn row(name: &str, size: u64) -> Row {
        let (name, media_type) = (name.into(), "video/mp4".into());
        Row { key: FileKey(0), name, size, media_type, sent: 0, same_as: None, state: RowState::Uploading }
    }

    /// As the service signs them.
    fn url(part: u64) -> String {
        format!(
            "https://storage.example/{UPLOAD}/big.mp4?uploadId=Xnk2&partNumber={part}&X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential=AKIA%2F20220920%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20220920T204824Z&\
             X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature={part:064x}"
        )
    }

    fn parts(size: u64, part_size: u64) -> Parts {
        let urls = (1..=size.div_ceil(part_size)).map(url).collect();
        Parts::new(FileUuid::parse(UPLOAD).unwrap(), urls, size, part_size).unwrap()
    }

    fn list() -> Vec<String> {
        let begun =
            begin(&config(), &row("big.mp4", 31 * MIB), 1_700_000_000_123, &digest(), &parts(31 * MIB, 5 * MIB));
        vec![begun.unwrap(), part(2), part(0), part(6)]
    }

    fn read_as(config: &Config, records: &[String]) -> Result<Saved, Unusable> {
        read(config, FileUuid::parse(UPLOAD).unwrap(), records)
    }

    fn left(records: &[String]) -> Vec<usize> {
        let Ok(Saved { work: Work { step: Step::Parts(mut parts), .. }, .. }) = read_as(&config(), records) else {
            panic!("no parts left of {records:?}")
        };
        std::iter::from_fn(|| parts.take(Millis(0))).map(|part| part.part).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let saved = read_as(&config(), &list()).ok().unwrap();
        let (name, media_type) = ("big.mp4".to_owned(), "video/mp4".to_owned());
        assert_eq!(
            saved.file,
            NewFile { name, size: 31 * MIB, media_type, modified: 1_700_000_000_123, options: None }
        );
        assert_eq!(saved.digest, digest());
        let Step::Parts(parts) = saved.work.step else { panic!("no parts") };
        assert_eq!(parts.urls(), (1..=7).map(url).collect::<Vec<_>>());
        assert_eq!(parts.finished_bytes(), 11 * MIB);
        assert_eq!(left(&list()), [1, 3, 4, 5]);
    }

    #[test]
    fn a_list_can_begin_in_the_middle() {
        let mut parts = parts(31 * MIB, 5 * MIB);
        for stored in [1, 4] {
            parts.already_stored(stored).unwrap();
        }
        let begun = begin(&config(), &row("a", 31 * MIB), 0, &digest(), &parts).unwrap();
        assert_eq!(left(&[begun, part(3)]), [0, 2, 5, 6]);
    }

    #[test]
    fn all_parts_stored_means_completion_and_completion_begun_means_looking() {
        let mut whole = list();
        whole.extend([1, 3, 4, 5].map(part));
        let step = |records: &[String]| read_as(&config(), records).ok().unwrap().work.step;
        assert!(matches!(step(&whole), Step::Complete(_)));
        whole.push(completion());
        assert!(matches!(step(&whole), Step::Inspect(..)));
    }

    #[test]
    fn a_record_that_was_cut_off_is_none_if_it_is_the_last() {
        let cut = |at: usize, mut records: Vec<String>| {
            records[at].pop();
            records
        };
        assert_eq!(left(&cut(3, list())), [1, 3, 4, 5, 6]);
        for at in 0..3 {
            assert_eq!(read_as(&config(), &cut(at, list())).err(), Some(Unusable::Damaged), "{at}");
        }
    }

    #[test]
    fn a_damaged_list_is_refused() {
        assert_eq!(read_as(&config(), &[]).err(), Some(Unusable::Damaged));
        let sealed = |text: &str| seal(text.to_owned());
        let header = open(&list()[0]).unwrap().to_owned();
        let without_a_url = header.rsplit_once('\n').unwrap().0.to_owned();
        let replaced = |from: &str, to: &str| sealed(&header.replacen(from, to, 1));
        for records in [
            vec![String::new()],
            vec![sealed("")],
            vec![sealed("updock 1")],
            vec![sealed(&without_a_url)],
            vec![replaced("5242880", "0")],
            vec![replaced("5242880", "5242881000000")],
            vec![replaced("32505856", "-1")],
            vec![replaced("0a0a", "0A0a")],
            vec![replaced(UPLOAD, "00000000-0000-4000-8000-000000000000")],
            vec![header.clone()],
            vec![list()[0].clone(), part(7)],
            vec![list()[0].clone(), sealed("p18446744073709551615")],
            vec![list()[0].clone(), sealed("p")],
            vec![list()[0].clone(), sealed("x")],
            vec![part(1), list()[0].clone()],
        ] {
            assert_eq!(read_as(&config(), &records).err(), Some(Unusable::Damaged), "{records:?}");
        }
    }

    #[test]
    fn what_is_another_projects_or_versions_is_left_alone() {
        let newer = open(&list()[0]).unwrap().replacen("updock 1", "updock 2", 1);
        assert_eq!(read_as(&config(), &[seal(newer), "what newer ones write".into()]).err(), Some(Unusable::Foreign));
        for other in [
            Config { public_key: PublicKey::parse("another").unwrap(), ..config() },
            Config { upload_base: "https://elsewhere".into(), ..config() },
            Config { store: Store::Never, ..config() },
        ] {
            assert_eq!(read_as(&other, &list()).err(), Some(Unusable::Foreign));
        }
    }

    #[test]
    fn what_would_break_the_lines_is_not_written() {
        let parts = parts(31 * MIB, 5 * MIB);
        assert!(begin(&config(), &row("a\nb", 31 * MIB), 0, &digest(), &parts).is_none());
        for odd in ["http://a?b&", "http://a?b&&c", "http://a\nb", ""] {
            let urls = vec!["http://c".into(), odd.into()];
            let odd = Parts::new(FileUuid::parse(UPLOAD).unwrap(), urls, 10 * MIB, 5 * MIB).unwrap();
            assert!(begin(&config(), &row("a", 10 * MIB), 0, &digest(), &odd).is_none());
        }
    }

    #[test]
    fn ten_thousand_parts_are_written_once_in_about_a_megabyte_and_each_part_in_a_few_bytes() {
        let (size, part_size) = (limits::MAX_FILE_SIZE, 525 * MIB);
        let parts = parts(size, part_size);
        assert!(parts.urls().len() > 9_900);
        let begun = begin(&config(), &row("big.mp4", size), 1, &digest(), &parts).unwrap();
        assert!(begun.len() < 110 * parts.urls().len(), "{} bytes", begun.len());
        assert!(part(9_999).len() < 32, "{}", part(9_999));
        assert_eq!(left(&[begun]).len(), parts.urls().len());
    }
}
