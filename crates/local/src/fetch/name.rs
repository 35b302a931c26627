//! What a file from a URL is called, when its uploader did not say. Source: Upload API, Upload from URL.

use crate::upload::form;
use http::HeaderMap;
use url::Url;

/// Where nothing has a name.
const NAMELESS: &str = "original";

/// From the answer's headers, else the `dl` parameter of the URL, else the last piece of its path.
pub(super) fn of(url: &Url, headers: &HeaderMap) -> String {
    let disposed = || form::file_name(headers);
    let dl = || url.query_pairs().find(|(name, _)| name == "dl").map(|(_, value)| value.into_owned());
    let path = || {
        let piece = url.path_segments()?.rfind(|piece| !piece.is_empty())?;
        Some(String::from_utf8_lossy(&crate::percent::decode(piece)).into_owned())
    };
    let found = [disposed(), dl(), path()].into_iter().flatten().map(|name| tidy(&name));
    found.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| NAMELESS.to_owned())
}

/// The last piece of a path, without control characters: it is a stranger's word.
fn tidy(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    #[test]
    fn names_come_from_headers_then_from_the_url() {
        for (url, disposition, expected) in [
            ("http://a.test/b/2250/2250", "", "2250"),
            ("http://a.test/b/cat%20%D0%9F.jpg?size=5", "", "cat П.jpg"),
            ("http://a.test/b/cat.jpg?dl=dog.jpg", "", "dog.jpg"),
            ("http://a.test/b/cat.jpg?dl=", "", "cat.jpg"),
            ("http://a.test/b/cat.jpg?dl=dog.jpg", "attachment; filename=\"cow.jpg\"", "cow.jpg"),
            ("http://a.test/cat.jpg", "inline; filename*=UTF-8''%D0%9F.jpg; filename=p.jpg", "П.jpg"),
            ("http://a.test/cat.jpg", "attachment; filename=\"..\\..\\etc/passwd\"", "passwd"),
            ("http://a.test/cat.jpg", "attachment; filename=\"\"", "cat.jpg"),
            ("http://a.test/cat.jpg", "inline", "cat.jpg"),
            ("http://a.test/a%00%0Ab.jpg", "", "ab.jpg"),
            ("http://a.test/b/", "", "b"),
            ("http://a.test/", "", "original"),
        ] {
            let mut headers = HeaderMap::new();
            if !disposition.is_empty() {
                headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(disposition).unwrap());
            }
            assert_eq!(of(&Url::parse(url).unwrap(), &headers), expected, "{url} {disposition}");
        }
    }
}
