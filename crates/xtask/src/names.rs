//! Short names between module and glue. wasm-bindgen names an import `__wbg_then_656f253a5dd7d8ea`; such a name travels
//! twice, in the module and in the glue, and its digits do not compress. Measured: 3 KB gzip less to download.

use std::fs;
use std::path::Path;

use walrus::Module;

use crate::error::{Doing, Error, Result};

/// Gives every import of the module a short name, and the same one in the glue. What the glue passes on from modules of
/// its own (`import1`, ...) stands among the rest then, under one module name.
pub(crate) fn shorten(module: &Path, glue: &Path) -> Result<()> {
    let mut wasm = Module::from_file(module)
        .map_err(|error| Error::Check(format!("{} cannot be read: {error:#}", module.display())))?;
    let mut text = fs::read_to_string(glue).doing_at("read", glue)?;
    let mut passed = String::new();
    let mut own = None;
    for (number, import) in wasm.imports.iter_mut().enumerate() {
        let name = short(number);
        if import.module.starts_with("./snippets/") {
            let (next, variable) = take_module(&text, &import.module)?;
            text = next;
            passed.extend([&name, ": ", &variable, ".", &import.name, ",\n"]);
        } else {
            text = replace_once(&text, &format!("{}: ", import.name), &format!("{name}: "))?;
            own = Some(import.module.clone());
        }
        import.name = name;
        import.module = "_".into();
    }
    if let Some(own) = own {
        text = replace_once(&text, &format!("\"{own}\": "), "\"_\": ")?;
        text = replace_once(&text, "const import0 = {", &format!("const import0 = {{\n{passed}"))?;
    }
    wasm.emit_wasm_file(module)
        .map_err(|error| Error::Check(format!("{} cannot be written: {error:#}", module.display())))?;
    fs::write(glue, text).doing_at("write", glue)
}

/// Takes the next line `"module": variable,` out of the glue; gives the variable too. wasm-bindgen writes one for each
/// function that it passes on.
fn take_module(text: &str, module: &str) -> Result<(String, String)> {
    let key = format!("\"{module}\": ");
    let at = text.find(&key).ok_or_else(|| Error::Check(format!("the glue does not pass on {module:?}")))?;
    let rest = &text[at + key.len()..];
    let (variable, after) = rest
        .split_once(',')
        .filter(|(variable, _)| variable.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .ok_or_else(|| Error::Check(format!("the glue passes on {module:?} in a way that is new")))?;
    Ok(([&text[..at], after].concat(), variable.to_owned()))
}

/// `a`, `b`, ... `z`, `ba`, ...: letters only, so that it is a name in JavaScript.
fn short(mut number: usize) -> String {
    let mut name = String::new();
    loop {
        name.insert(0, char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)));
        number /= 26;
        if number == 0 {
            return name;
        }
    }
}

/// Replaces what must stand there exactly once: anything else is a glue that we do not understand.
fn replace_once(text: &str, from: &str, to: &str) -> Result<String> {
    let mut places = text.match_indices(from);
    match (places.next(), places.next()) {
        (Some((at, _)), None) => Ok([&text[..at], to, &text[at + from.len()..]].concat()),
        (first, _) => Err(Error::Check(format!(
            "the glue names {from:?} {}: wasm-bindgen writes it in another way now",
            if first.is_some() { "several times" } else { "nowhere" }
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_distinct() {
        let names: std::collections::BTreeSet<String> = (0..1000).map(short).collect();
        assert_eq!(names.len(), 1000);
        assert_eq!((short(0), short(25), short(26)), ("a".into(), "z".into(), "ba".into()));
    }

    #[test]
    fn functions_that_the_glue_passes_on_are_taken_one_by_one() {
        let glue = "{ \"./snippets/a.js\": import1,\n\"./snippets/a.js\": import2,\n}";
        let (glue, first) = take_module(glue, "./snippets/a.js").unwrap();
        let (glue, second) = take_module(&glue, "./snippets/a.js").unwrap();
        assert_eq!((&*first, &*second, &*glue), ("import1", "import2", "{ \n\n}"));
        assert!(take_module(&glue, "./snippets/a.js").is_err());
    }

    #[test]
    fn a_name_that_is_not_there_once_stops_the_build() {
        assert_eq!(replace_once("x a: y", "a: ", "b: ").unwrap(), "x b: y");
        assert!(replace_once("x", "a: ", "b: ").is_err());
        assert!(replace_once("a: a: ", "a: ", "b: ").is_err());
    }
}
