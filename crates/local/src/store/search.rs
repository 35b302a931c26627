//! Files found by what is written in and about them. SQLite's FTS5 keeps the indexes, triggers keep them fresh, so
//! there is no lag: what is committed is found. Source: REST API v0.7, File search.
//!
//! `query` finds parts of words (trigrams), `phrase` finds whole words in order. A slip is tolerated by looking for the
//! words of the vocabulary that are near to the one that was asked for.

use super::{
    FileRow, Store, StoreError,
    files::{COLUMNS, read},
};
use sqlx::{QueryBuilder, Sqlite};
use updock_types::{
    FileUuid,
    rest::{Search, SearchSort},
};

/// What was found.
#[derive(Debug)]
pub(crate) struct Hits {
    pub(crate) rows: Vec<FileRow>,
    pub(crate) total: i64,
    pub(crate) terms: Terms,
}

/// Texts in lower case that were looked for, by field.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub(crate) name: Vec<String>,
    pub(crate) metadata: Vec<String>,
    pub(crate) mime: Vec<String>,
}

/// Most words that one word with a slip stands for, and most phrases that one phrase does.
const MAX_EXPANSIONS: usize = 50;
/// What the trigram index can find.
const SHORTEST_PART: usize = 3;

/// The words of a file name that the tokeniser does not split by itself: where the case changes.
pub(super) fn name_words(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut words = String::with_capacity(name.len() + 8);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let starts = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase() || before.is_uppercase() && letters.get(at + 1).is_some_and(|c| c.is_lowercase())
            });
        if starts {
            words.push(' ');
        }
        words.push(*letter);
    }
    words
}

/// What the full-text indexes are asked.
#[derive(Debug, Default)]
struct FullText {
    /// For `search_parts`.
    parts: Option<String>,
    /// For `search_words`, beside `parts`: the same with a slip.
    near: Option<String>,
    /// The file that is named.
    uuid: Option<FileUuid>,
    /// For `search_words`.
    phrase: Option<String>,
}

impl Store {
    /// A page of what `search` asks for; it holds at least one condition.
    pub(crate) async fn search(&self, search: &Search, limit: u16, offset: u16) -> Result<Hits, StoreError> {
        let mut terms = Terms::default();
        let full_text = self.full_text(search, &mut terms).await?;
        let mut count = QueryBuilder::new("");
        condition(&mut count, "SELECT count(*)", search, &full_text)?;
        let total = count.build_query_scalar().fetch_one(&self.read).await?;
        let mut query = QueryBuilder::new("");
        condition(&mut query, COLUMNS, search, &full_text)?;
        order(&mut query, search, &full_text);
        query.push(" LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ").push_bind(i64::from(offset));
        let rows = query.build().fetch_all(&self.read).await?;
        Ok(Hits { rows: rows.iter().map(read).collect::<Result<_, _>>()?, total, terms })
    }

    async fn full_text(&self, search: &Search, terms: &mut Terms) -> Result<FullText, StoreError> {
        let fuzzy = search.fuzziness == Some(true);
        let mut full_text = FullText::default();
        if let Some(query) = &search.query {
            let parts = parts(query);
            full_text.parts = Some(all(parts.iter().map(|part| quoted(part))));
            let mut found = parts;
            if fuzzy {
                let mut clauses = Vec::new();
                for word in words(query) {
                    let near = self.near(&word).await?;
                    clauses.push(format!("({})", any(near.iter().map(|word| quoted(word)))));
                    found.extend(near);
                }
                // A word that nothing is near to is found nowhere.
                if !clauses.is_empty() && clauses.iter().all(|clause| clause != "()") {
                    full_text.near = Some(all(clauses.into_iter()));
                }
            }
            full_text.uuid = FileUuid::parse(query.trim()).ok();
            for field in [&mut terms.name, &mut terms.metadata, &mut terms.mime] {
                field.extend(found.iter().cloned());
            }
        }
        if let Some(phrase) = &search.phrase {
            let mut clauses = Vec::new();
            for (text, columns, field) in [
                (&phrase.original_filename, "{name split}", &mut terms.name),
                (&phrase.metadata, "metadata", &mut terms.metadata),
                (&phrase.detected_mime_type, "mime", &mut terms.mime),
            ] {
                let Some(text) = text else { continue };
                let mut phrases = vec![Vec::new()];
                for word in words(text) {
                    let variants = if fuzzy { self.near(&word).await? } else { vec![word] };
                    phrases = phrases
                        .iter()
                        .flat_map(|phrase| {
                            variants.iter().map(move |word| [phrase.as_slice(), std::slice::from_ref(word)].concat())
                        })
                        .take(MAX_EXPANSIONS)
                        .collect();
                    field.extend(variants);
                }
                // A phrase without a word, or with one that nothing is near to, is found nowhere.
                let wanted = any(phrases.iter().map(|phrase| quoted(&phrase.join(" "))));
                let wanted = if wanted.is_empty() { quoted("") } else { wanted };
                clauses.push(format!("({columns} : ({wanted}))"));
            }
            full_text.phrase = Some(all(clauses.into_iter()));
        }
        Ok(full_text)
    }

    /// The words of the vocabulary that `word` may have been meant for, nearest first.
    async fn near(&self, word: &str) -> Result<Vec<String>, StoreError> {
        let length = word.chars().count();
        let slips = match length {
            0..3 => 0,
            3..6 => 1,
            _ => 2,
        };
        let signed = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let vocabulary: Vec<String> =
            sqlx::query_scalar("SELECT term FROM search_vocabulary WHERE length(term) BETWEEN ? AND ?")
                .bind(signed(length.saturating_sub(slips)))
                .bind(signed(length + slips))
                .fetch_all(&self.read)
                .await?;
        let mut near: Vec<(usize, String)> = vocabulary
            .into_iter()
            .map(|term| (strsim::osa_distance(&term, word), term))
            .filter(|(distance, _)| *distance <= slips)
            .collect();
        near.sort_unstable();
        Ok(near.into_iter().take(MAX_EXPANSIONS).map(|(_, term)| term).collect())
    }
}

/// The parts of a query, in lower case. Those too short for the index are left out unless there is no other.
fn parts(query: &str) -> Vec<String> {
    let pieces: Vec<String> = query
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|piece| !piece.is_empty())
        .map(str::to_lowercase)
        .collect();
    let long: Vec<String> = pieces.iter().filter(|piece| piece.chars().count() >= SHORTEST_PART).cloned().collect();
    if long.is_empty() { vec![pieces.join(" ")] } else { long }
}

/// Words as the tokeniser sees them, and split where the case changes.
fn words(text: &str) -> Vec<String> {
    name_words(text)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn all(clauses: impl Iterator<Item = String>) -> String {
    clauses.collect::<Vec<_>>().join(" AND ")
}

fn any(clauses: impl Iterator<Item = String>) -> String {
    clauses.collect::<Vec<_>>().join(" OR ")
}

/// `WITH ... SELECT ... FROM files ... WHERE ...`.
fn condition(
    query: &mut QueryBuilder<Sqlite>,
    select: &str,
    search: &Search,
    full_text: &FullText,
) -> Result<(), StoreError> {
    let mut joins = String::new();
    if let Some(parts) = &full_text.parts {
        query.push("WITH asked (id, score) AS (SELECT id, max(score) FROM (");
        query.push("SELECT rowid AS id, -bm25(search_parts, 4.0, 2.0, 1.0) AS score FROM search_parts WHERE search_parts MATCH ");
        query.push_bind(parts.clone());
        if let Some(near) = &full_text.near {
            query.push(" UNION ALL SELECT rowid, -bm25(search_words, 2.0, 2.0, 1.0, 0.5) / 2 FROM search_words WHERE search_words MATCH ");
            query.push_bind(near.clone());
        }
        if let Some(uuid) = full_text.uuid {
            // A file that is named comes first.
            query.push(" UNION ALL SELECT uploaded_at, 1e9 FROM files WHERE uuid = ").push_bind(uuid.to_string());
        }
        // The limit keeps the inner query apart: folded into the outer one, bm25() would have no full-text row to rank.
        query.push(" LIMIT -1) GROUP BY id)");
        joins.push_str(" JOIN asked ON asked.id = files.uploaded_at");
    }
    if let Some(phrase) = &full_text.phrase {
        query.push(if full_text.parts.is_some() { ", " } else { "WITH " });
        query.push("said (id, score) AS MATERIALIZED (SELECT rowid, -bm25(search_words, 4.0, 4.0, 2.0, 1.0) FROM search_words WHERE search_words MATCH ");
        query.push_bind(phrase.clone()).push(")");
        joins.push_str(" JOIN said ON said.id = files.uploaded_at");
    }
    query.push(format!(" {select} FROM files{joins} WHERE removed_at IS NULL"));

    for (field, values) in &search.exact {
        let values = serde_json::to_string(values)?;
        match field.as_str() {
            "uuid" => query.push(" AND uuid"),
            "original_filename" => query.push(" AND original_filename"),
            "detected_mime_type" => query.push(" AND content_info ->> '$.mime.mime'"),
            field => {
                let key = field.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')).unwrap_or(field);
                query.push(" AND json_extract(metadata, ").push_bind(format!("$.\"{key}\"")).push(")")
            }
        };
        query.push(" IN (SELECT value FROM json_each(").push_bind(values).push("))");
    }
    let mut bound = |column: &str, side: &str, value: Option<i64>| {
        if let Some(value) = value {
            query.push(format!(" AND {column} {side} ")).push_bind(value);
        }
    };
    if let Some(between) = &search.datetime_uploaded {
        for (side, at) in [(">", between.gt), (">=", between.gte), ("<", between.lt), ("<=", between.lte)] {
            bound("uploaded_at", side, at.map(updock_types::Timestamp::as_micros));
        }
    }
    if let Some(between) = &search.size {
        for (side, size) in [(">", between.gt), (">=", between.gte), ("<", between.lt), ("<=", between.lte)] {
            bound("size", side, size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)));
        }
    }
    bound("is_image", "=", search.is_image.map(i64::from));
    if let Some(tags) = &search.tags {
        let mine = "SELECT value FROM json_each(files.tags)";
        for (tags, start, end) in [
            (&tags.any, format!("EXISTS ({mine} WHERE value IN (SELECT value FROM json_each("), "))))"),
            (&tags.none, format!("NOT EXISTS ({mine} WHERE value IN (SELECT value FROM json_each("), "))))"),
            (
                &tags.all,
                "NOT EXISTS (SELECT 1 FROM json_each(".to_owned(),
                ") AS wanted WHERE wanted.value NOT IN (SELECT value FROM json_each(files.tags))))",
            ),
        ] {
            if !tags.is_empty() {
                query.push(" AND (").push(start).push_bind(serde_json::to_string(tags)?).push(end);
            }
        }
    }
    Ok(())
}

fn order(query: &mut QueryBuilder<Sqlite>, search: &Search, full_text: &FullText) {
    let score = match (&full_text.parts, &full_text.phrase) {
        (Some(_), Some(_)) => "asked.score + said.score",
        (Some(_), None) => "asked.score",
        (None, Some(_)) => "said.score",
        (None, None) => "0.0",
    };
    let sort = if search.sort.is_empty() { &[SearchSort::ScoreDescending][..] } else { &search.sort };
    query.push(" ORDER BY ");
    for sort in sort {
        let (column, direction) = match sort {
            SearchSort::Score => (score, ""),
            SearchSort::ScoreDescending => (score, " DESC"),
            SearchSort::Uploaded => ("uploaded_at", ""),
            SearchSort::UploadedDescending => ("uploaded_at", " DESC"),
            SearchSort::Size => ("size", ""),
            SearchSort::SizeDescending => ("size", " DESC"),
            SearchSort::Name => ("original_filename COLLATE NOCASE", ""),
            SearchSort::NameDescending => ("original_filename COLLATE NOCASE", " DESC"),
        };
        query.push(column).push(direction).push(", ");
    }
    // Pages must not overlap: whatever is equal by then is told apart by its time.
    query.push("uploaded_at DESC");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_where_the_case_changes() {
        for (name, expected) in [
            ("sunsetBeach.jpg", "sunset Beach.jpg"),
            ("HTTPServer", "HTTP Server"),
            ("IMG_0412.JPG", "IMG_0412.JPG"),
            ("ПриветМир", "Привет Мир"),
            ("", ""),
        ] {
            assert_eq!(name_words(name), expected);
        }
        assert_eq!(words("summerSunset-at_the beach"), ["summer", "sunset", "at", "the", "beach"]);
    }

    #[test]
    fn a_query_is_taken_apart_into_what_the_index_can_find() {
        assert_eq!(parts("Sunset  at\0beach"), ["sunset", "beach"]);
        assert_eq!(parts("a b c"), ["a b c"]);
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
    }
}
