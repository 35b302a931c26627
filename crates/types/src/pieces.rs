//! Texts taken apart at one ASCII character: lists, lines, media types.
//!
//! As the standard library's `split` and its like do; but those are made for any pattern, and each use of them costs the
//! browser's download some two hundred bytes where these cost twenty.

/// The pieces of `text` between `by`, an ASCII character: one more than there are of it.
pub fn pieces(text: &str, by: u8) -> Pieces<'_> {
    Pieces { rest: Some(text), by }
}

/// See [`pieces`].
#[derive(Debug, Clone)]
pub struct Pieces<'a> {
    rest: Option<&'a str>,
    by: u8,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    #[inline(never)]
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let at = text.bytes().position(|byte| byte == self.by).unwrap_or(text.len());
        self.rest = text.get(at + 1..);
        text.get(..at)
    }
}

/// What is before the first `by`, an ASCII character, and what is behind it; `None` where there is none.
pub fn cut(text: &str, by: u8) -> Option<(&str, &str)> {
    let mut pieces = pieces(text, by);
    Some((pieces.next()?, pieces.rest?))
}

/// What is before the last `by`, an ASCII character, and what is behind it; `None` where there is none.
#[inline(never)]
pub fn cut_last(text: &str, by: u8) -> Option<(&str, &str)> {
    let at = text.bytes().rposition(|byte| byte == by)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Is there a `by`, an ASCII character, in `text`?
pub fn has(text: &str, by: u8) -> bool {
    cut(text, by).is_some()
}

/// `text` without as many `end`s, an ASCII character, as it ends with.
pub fn without_end(mut text: &str, end: u8) -> &str {
    while let Some((shorter, "")) = cut_last(text, end) {
        text = shorter;
    }
    text
}

/// Texts with another one between them.
#[inline(never)]
pub fn joined(texts: &[&str], by: &str) -> String {
    let mut all = String::new();
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            all.push_str(by);
        }
        all.push_str(text);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_as_the_standard_library_cuts_them() {
        for text in ["", "a", ",", "a,b", ",a,,b,", "ü,€,a", "a/", "//", "x,y/z"] {
            assert_eq!(pieces(text, b',').collect::<Vec<_>>(), text.split(',').collect::<Vec<_>>(), "{text:?}");
            assert_eq!(cut(text, b','), text.split_once(','), "{text:?}");
            assert_eq!(cut_last(text, b','), text.rsplit_once(','), "{text:?}");
            assert_eq!(has(text, b','), text.contains(','), "{text:?}");
            assert_eq!(without_end(text, b'/'), text.trim_end_matches('/'), "{text:?}");
            let all: Vec<_> = text.split(',').collect();
            assert_eq!(joined(&all, ", "), all.join(", "), "{text:?}");
        }
        assert_eq!(joined(&[], ", "), "");
    }
}
