//! `POST /files/search/`: what is asked, checked field by field, and what was found, with the hits marked.
//! Source: REST API v0.7, File search.

use super::{Call, Failure, files::Describe, input, json};
use crate::store::{FileRow, Terms};
use axum::response::Response;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use updock_types::{
    MetadataKey, MetadataKeyError, Tag, TagError, Timestamp,
    rest::{Between, Found, Highlight, Page, Phrase, Search, SearchSort, SearchTags},
};

const DEFAULT_LIMIT: u16 = 20;
const MAX_LIMIT: u16 = 100;
/// How deep pages go: `offset` and `limit` together.
const MAX_DEPTH: u16 = 1000;
/// The shortest text that is searched for.
const SHORTEST: usize = 4;

pub(super) async fn search(call: Call<'_>) -> Result<Response, Failure> {
    let (limit, offset) = page(&call)?;
    let search = read(&input::object(&call)?)?;
    let hits = call.app.store.search(&search, limit, offset).await?;
    let describe = Describe::of(&call);
    let found = |row: &FileRow| Found { file: describe.file(row), highlight: highlight(row, &hits.terms) };
    let further = i64::from(offset) + i64::from(limit) < hits.total && offset + 2 * limit <= MAX_DEPTH;
    Ok(json(&Page {
        next: further.then(|| link(&call, limit, offset + limit)),
        previous: (offset > 0).then(|| link(&call, limit, offset.saturating_sub(limit))),
        total: hits.total,
        totals: None,
        per_page: limit,
        results: hits.rows.iter().map(found).collect(),
    }))
}

fn page(call: &Call<'_>) -> Result<(u16, u16), Failure> {
    let (mut limit, mut offset) = (DEFAULT_LIMIT, 0);
    for (name, value) in call.query() {
        match &*name {
            "limit" => {
                let given = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                let text = format!("Must be from 1 to {MAX_LIMIT}.");
                limit = given.ok_or_else(|| Failure::field("limit", text))?;
            }
            "offset" => {
                let given = value.parse().ok().filter(|offset| *offset <= MAX_DEPTH);
                offset = given.ok_or_else(|| Failure::field("offset", format!("Must be from 0 to {MAX_DEPTH}.")))?;
            }
            _ => {}
        }
    }
    if offset + limit > MAX_DEPTH {
        return Err(Failure::field("offset", format!("offset + limit must not exceed {MAX_DEPTH}.")));
    }
    Ok((limit, offset))
}

/// Another page: the client sends the same body there. What else the query says stays.
fn link(call: &Call<'_>, limit: u16, offset: u16) -> String {
    let mut link = format!("{}/files/search/?limit={limit}&offset={offset}", call.origins().own);
    for pair in call.parts.uri.query().unwrap_or_default().split('&') {
        if !pair.is_empty() && !pair.starts_with("limit=") && !pair.starts_with("offset=") {
            link.push('&');
            link.push_str(pair);
        }
    }
    link
}

/// The conditions, each checked; at least one.
fn read(body: &Map<String, Value>) -> Result<Search, Failure> {
    let given = |name: &str| input::given(body, name);
    let mut search = Search::default();
    if let Some(query) = given("query") {
        search.query = Some(long_enough(query).map_err(|text| Failure::field("query", text))?);
    }
    if given("phrase").is_some() {
        search.phrase = Some(phrase(object(body, "phrase")?)?);
    }
    if given("exact").is_some() {
        search.exact = exact(object(body, "exact")?)?;
    }
    if given("datetime_uploaded").is_some() {
        let time = |value: &Value| value.as_str().and_then(|text| Timestamp::parse(text).ok());
        search.datetime_uploaded =
            Some(between(body, "datetime_uploaded", time, "Datetime has wrong format. Use ISO 8601.")?);
    }
    if given("size").is_some() {
        search.size = Some(between(body, "size", Value::as_u64, "A non-negative integer is required.")?);
    }
    if let Some(flag) = given("is_image") {
        search.is_image = Some(flag.as_bool().ok_or_else(|| Failure::field("is_image", "Must be a valid boolean."))?);
    }
    if given("tags").is_some() {
        search.tags = Some(tags(object(body, "tags")?)?);
    }
    if let Some(flag) = given("fuzziness") {
        let flag = input::flag(flag).ok_or_else(|| Failure::field("fuzziness", "Must be a valid boolean."))?;
        search.fuzziness = Some(flag);
    }
    if let Some(sort) = given("sort") {
        search.sort = order(sort)?;
    }
    let phrased = search.phrase.as_ref();
    let phrased = [
        ("original_filename", phrased.is_some_and(|phrase| phrase.original_filename.is_some())),
        ("detected_mime_type", phrased.is_some_and(|phrase| phrase.detected_mime_type.is_some())),
    ];
    if let Some((field, _)) = phrased.iter().find(|(field, phrased)| *phrased && search.exact.contains_key(*field)) {
        return Err(Failure::whole(format!("`{field}` can not be in both `phrase` and `exact`.")));
    }
    let modifiers = Search { fuzziness: search.fuzziness, sort: search.sort.clone(), ..Search::default() };
    if search == modifiers {
        return Err(Failure::whole("At least one search condition is required."));
    }
    Ok(search)
}

fn object<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a Map<String, Value>, Failure> {
    let kind = match body.get(name) {
        Some(Value::Object(object)) => return Ok(object),
        Some(Value::Array(_)) => "list",
        Some(Value::String(_)) => "str",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Number(_)) => "number",
        Some(Value::Null) | None => "null",
    };
    Err(Failure::object(name, format!("Invalid data. Expected an object, but got {kind}.")))
}

fn long_enough(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("Not a valid string.")?.trim();
    if text.chars().count() < SHORTEST {
        return Err(format!("Must be at least {SHORTEST} characters."));
    }
    Ok(text.to_owned())
}

fn phrase(object: &Map<String, Value>) -> Result<Phrase, Failure> {
    let text = |name: &str| {
        let text = input::given(object, name).map(long_enough).transpose();
        text.map_err(|text| Failure::nested("phrase", name, text))
    };
    let phrase = Phrase {
        original_filename: text("original_filename")?,
        metadata: text("metadata")?,
        detected_mime_type: text("detected_mime_type")?,
    };
    if phrase == Phrase::default() {
        let text = "At least one of original_filename, metadata, detected_mime_type is required.";
        return Err(Failure::object("phrase", text));
    }
    Ok(phrase)
}

fn exact(object: &Map<String, Value>) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut exact = BTreeMap::new();
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match name.strip_prefix("metadata[").and_then(|rest| rest.strip_suffix(']')) {
            Some(key) if matches!(MetadataKey::parse(key), Ok(_) | Err(MetadataKeyError::DotSegment)) => {}
            Some(_) => return Err(Failure::nested("exact", name, "Invalid metadata key.")),
            None if matches!(name.as_str(), "uuid" | "detected_mime_type" | "original_filename") => {}
            None => continue, // unknown keys are ignored
        }
        let values = texts(value).filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| Failure::nested("exact", name, "Expected a non-empty list of strings."))?;
        let values = if name == "uuid" { values.iter().map(|value| value.to_lowercase()).collect() } else { values };
        exact.insert(name.clone(), values);
    }
    if exact.is_empty() {
        let text = "At least one of uuid, detected_mime_type, original_filename, metadata[<key>] is required.";
        return Err(Failure::object("exact", text));
    }
    Ok(exact)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn between<T>(
    body: &Map<String, Value>,
    name: &str,
    parse: impl Fn(&Value) -> Option<T>,
    wrong: &str,
) -> Result<Between<T>, Failure> {
    let object = object(body, name)?;
    let side = |side: &str| {
        let value =
            input::given(object, side).map(|value| parse(value).ok_or_else(|| Failure::nested(name, side, wrong)));
        value.transpose()
    };
    let between = Between { gt: side("gt")?, gte: side("gte")?, lt: side("lt")?, lte: side("lte")? };
    match between {
        Between { gt: None, gte: None, lt: None, lte: None } => {
            Err(Failure::object(name, "At least one of gt, gte, lt, lte is required."))
        }
        between => Ok(between),
    }
}

fn tags(object: &Map<String, Value>) -> Result<SearchTags, Failure> {
    let list = |name: &str| {
        let mut tags: Vec<String> = Vec::new();
        let Some(given) = input::given(object, name) else { return Ok(tags) };
        let given = texts(given).ok_or_else(|| Failure::nested("tags", name, "Expected a list of strings."))?;
        for text in given {
            match Tag::parse(&text) {
                Ok(tag) => tags.push(tag.as_str().to_owned()),
                Err(TagError::Length { characters: 0 }) => {}
                Err(error) => return Err(Failure::nested("tags", name, format!("Invalid tag: {error}."))),
            }
        }
        Ok(tags)
    };
    let tags = SearchTags { any: list("any")?, all: list("all")?, none: list("none")? };
    if tags == SearchTags::default() {
        return Err(Failure::object("tags", "At least one of any, all, none must not be empty."));
    }
    Ok(tags)
}

fn order(value: &Value) -> Result<Vec<SearchSort>, Failure> {
    let refused = |text: &str| Failure::field("sort", text);
    let names = texts(value).filter(|names| (1..=4).contains(&names.len()));
    let names = names.ok_or_else(|| refused("Expected a list of 1 to 4 sort keys."))?;
    let mut fields: Vec<&str> = names.iter().map(|name| name.strip_prefix('-').unwrap_or(name)).collect();
    fields.sort_unstable();
    if fields.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(refused("A field can be sorted by only once."));
    }
    let read = |name: &String| serde_json::from_value(Value::String(name.clone()));
    names.iter().map(read).collect::<Result<_, _>>().map_err(|_| refused("Unknown sort key."))
}

/// Where the terms stand in the file's texts.
fn highlight(row: &FileRow, terms: &Terms) -> Highlight {
    let mime = row.content_info.mime.as_ref().and_then(|mime| marked(&mime.mime, &terms.mime));
    let values = row.metadata.iter().filter_map(|(key, value)| Some((key.clone(), marked(value, &terms.metadata)?)));
    Highlight {
        original_filename: marked(&row.original_filename, &terms.name).into_iter().collect(),
        detected_mime_type: mime.into_iter().collect(),
        metadata: values.collect(),
    }
}

/// The text with every occurrence of a term wrapped in `<em>`; `None` where there is none.
fn marked(text: &str, terms: &[String]) -> Option<String> {
    // Folded letter by letter, because lower case may be longer than upper case.
    let letters: Vec<(char, char)> =
        text.chars().map(|letter| (letter, letter.to_lowercase().next().unwrap_or(letter))).collect();
    let mut hit = vec![false; letters.len()];
    for term in terms {
        let term: Vec<char> = term.chars().collect();
        if term.is_empty() {
            continue;
        }
        for start in 0..(letters.len() + 1).saturating_sub(term.len()) {
            let stretch = &letters[start..start + term.len()];
            if stretch.iter().map(|(_, folded)| folded).eq(&term) {
                hit[start..start + term.len()].fill(true);
            }
        }
    }
    if !hit.contains(&true) {
        return None;
    }
    let mut marked = String::with_capacity(text.len() + 16);
    let mut inside = false;
    for ((letter, _), hit) in letters.into_iter().zip(hit) {
        if hit != inside {
            marked.push_str(if hit { "<em>" } else { "</em>" });
            inside = hit;
        }
        marked.push(letter);
    }
    if inside {
        marked.push_str("</em>");
    }
    Some(marked)
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn hits_are_marked_whatever_their_case() {
        let terms = |terms: &[&str]| terms.iter().map(|term| (*term).to_owned()).collect::<Vec<_>>();
        for (text, wanted, expected) in [
            ("sunset-beach.jpg", &["sunset"][..], Some("<em>sunset</em>-beach.jpg")),
            ("SunSet BEACH", &["sunset", "beach"], Some("<em>SunSet</em> <em>BEACH</em>")),
            ("aaaa", &["aaa"], Some("<em>aaaa</em>")),
            ("İstanbul", &["stan"], Some("İ<em>stan</em>bul")),
            ("cat", &["sunset", ""], None),
            ("", &["x"], None),
        ] {
            assert_eq!(marked(text, &terms(wanted)).as_deref(), expected, "{text}");
        }
    }
}
