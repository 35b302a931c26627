//! What a copy is made of, and how the copy of it is named: sources as SDKs write them, and patterns.
//! Source: REST API v0.7, Copy file to local storage, Copy file to remote storage.

use super::Failure;
use crate::origin::Origins;
use updock_types::{FileUuid, sanitised_name};

/// A file, and what is done to it on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) file: FileUuid,
    /// CDN operations, like `resize/x800/`; or nothing.
    pub(super) effects: String,
}

impl Source {
    /// Reads a UUID, `UUID/-/op/.../`, or a URL of a CDN that we know, with or without operations and a file name.
    pub(super) fn parse(text: &str, origins: &Origins) -> Option<Self> {
        let (path, is_url) = match text.split_once("://") {
            Some(("http" | "https", rest)) => {
                let (host, path) = rest.split_once('/')?;
                if !is_cdn(host, origins) {
                    return None;
                }
                (path.split(['?', '#']).next().unwrap_or(path), true)
            }
            Some(_) => return None,
            None => (text, false),
        };
        let (uuid, rest) = path.split_at_checked(36)?;
        let file = FileUuid::parse(uuid).ok()?;
        let effects = match rest {
            "" | "/" => "",
            _ => match rest.strip_prefix("/-/") {
                // Behind the address of a CDN a file name may follow.
                Some(effects) if is_url => &effects[..effects.rfind('/').map_or(0, |end| end + 1)],
                Some(effects) => effects,
                None if is_url && rest.starts_with('/') && !rest[1..].contains('/') => "",
                None => return None,
            },
        };
        let mut effects = effects.to_owned();
        if !effects.is_empty() && !effects.ends_with('/') {
            effects.push('/');
        }
        Some(Self { file, effects })
    }
}

/// Is it the service's CDN, or ours under any of its names?
fn is_cdn(host: &str, origins: &Origins) -> bool {
    let ours = [&origins.own, &origins.cdn].into_iter().filter_map(|origin| origin.split_once("://"));
    let theirs = ["ucarecdn.com", ".ucarecdn.com", ".ucarecd.net", ".ucr.io"];
    ours.map(|(_, ours)| ours.split('/').next().unwrap_or(ours)).any(|ours| ours.eq_ignore_ascii_case(host))
        || theirs.iter().any(|theirs| match theirs.strip_prefix('.') {
            Some(_) => host.to_ascii_lowercase().ends_with(theirs),
            None => host.eq_ignore_ascii_case(theirs),
        })
}

/// What a pattern is filled with.
#[derive(Debug)]
pub(super) struct Naming<'a> {
    pub(super) file: FileUuid,
    pub(super) original_filename: &'a str,
    pub(super) effects: &'a str,
}

impl Naming<'_> {
    /// The name of an object: a relative path of plain segments.
    pub(super) fn fill(&self, pattern: &str) -> Result<String, Failure> {
        let name = sanitised_name(self.original_filename);
        let (stem, extension) = name.rfind('.').map_or((name.as_str(), ""), |dot| name.split_at(dot));
        // `resize/x800/` becomes `_resize_x800`.
        let effects = self.effects.trim_end_matches('/').replace("/-/", "/").replace('/', "_");
        let effects = if effects.is_empty() { effects } else { format!("_{effects}") };
        let auto = format!("{stem}{effects}{extension}");

        let refused = || Failure::bad(format!("Invalid pattern provided: `{pattern}`"));
        let mut key = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (variable, after) = after.split_once('}').ok_or_else(refused)?;
            key.push_str(before);
            match variable {
                "default" => key.extend([self.file.to_string().as_str(), "/", auto.as_str()]),
                "auto_filename" => key.push_str(&auto),
                "effects" => key.push_str(&effects),
                "filename" => key.push_str(stem),
                "uuid" => key.push_str(&self.file.to_string()),
                "ext" => key.push_str(extension),
                _ => return Err(refused()),
            }
            rest = after;
        }
        key.push_str(rest);
        if key.chars().any(|c| c.is_control() || "\\{}^`<>\"|#%~[]".contains(c)) {
            return Err(Failure::bad("Invalid pattern provided: Invalid character in a pattern."));
        }
        // Neither up nor out, and short enough for an object's name.
        let plain = key.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.len() <= 255);
        if plain && key.len() <= 1024 { Ok(key) } else { Err(refused()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "17be4678-dab7-4bc7-8753-28914a22960a";

    #[test]
    fn sources_are_read_in_every_form() {
        let origins = Origins { own: "http://127.0.0.1:3000".to_owned(), cdn: "https://cdn.test/x".to_owned() };
        for (text, effects) in [
            (UUID.to_owned(), Some("")),
            (UUID.to_uppercase(), Some("")),
            (format!("{UUID}/"), Some("")),
            (format!("{UUID}/-/resize/x800/"), Some("resize/x800/")),
            (format!("{UUID}/-/resize/x800"), Some("resize/x800/")),
            (format!("https://ucarecdn.com/{UUID}/"), Some("")),
            (format!("https://ucarecdn.com/{UUID}/cat.jpg?x=1"), Some("")),
            (format!("https://1a2b.ucarecd.net/{UUID}/-/preview/-/flip/cat.jpg"), Some("preview/-/flip/")),
            (format!("http://127.0.0.1:3000/{UUID}"), Some("")),
            (format!("https://CDN.test/{UUID}/-/preview/"), Some("preview/")),
            (format!("https://evil.test/{UUID}/"), None),
            (format!("https://notucarecdn.com/{UUID}/"), None),
            (format!("ftp://ucarecdn.com/{UUID}/"), None),
            (format!("{UUID}/cat.jpg"), None),
            (format!("{UUID}~2/"), None),
            ("https://ucarecdn.com".to_owned(), None),
            ("ü".repeat(40), None),
            ("x".to_owned(), None),
            (String::new(), None),
        ] {
            let source = Source::parse(&text, &origins);
            assert_eq!(source.as_ref().map(|source| source.effects.as_str()), effects, "{text}");
            assert!(source.is_none_or(|source| source.file.to_string() == UUID));
        }
    }

    #[test]
    fn patterns_name_objects_and_lead_nowhere_else() {
        let file = FileUuid::parse(UUID).unwrap();
        let naming = Naming { file, original_filename: "sunset cat.tar.jpg", effects: "resize/x800/-/flip/" };
        let auto = "sunsetcattar_resize_x800_flip.jpg";
        for (pattern, expected) in [
            ("${default}", Some(format!("{UUID}/{auto}"))),
            ("${auto_filename}", Some(auto.to_owned())),
            ("a/${uuid}/${filename}${ext}", Some(format!("a/{UUID}/sunsetcattar.jpg"))),
            ("x${effects}", Some("x_resize_x800_flip".to_owned())),
            ("${nope}", None),
            ("${uuid", None),
            ("", None),
            ("/etc/${uuid}", None),
            ("../${uuid}", None),
            ("a//b", None),
            ("a\\b", None),
            ("a\nb", None),
        ] {
            assert_eq!(naming.fill(pattern).ok(), expected, "{pattern}");
        }
        let plain = Naming { file, original_filename: "Резюме.pdf", effects: "" };
        assert_eq!(plain.fill("${default}").unwrap(), format!("{UUID}/noroot.pdf"));
    }
}
