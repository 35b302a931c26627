//! Who answers and who asks each operation, read from the sources of the stand-in and of the client: the docs table
//! names them, and a row that nobody answers shows as an empty cell.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};
use crate::workspace::Workspace;

/// A function by the operation's Rust name, such as `FilesList`.
pub(crate) type ByOperation = BTreeMap<String, String>;

/// What the stand-in answers each operation with.
pub(crate) fn handlers(workspace: &Workspace) -> Result<ByOperation> {
    let mut all = ByOperation::new();
    for api in ["rest", "upload"] {
        let path = workspace.root().join("crates/local/src").join(api).join("mod.rs");
        let source = fs::read_to_string(&path).doing_at("read", &path)?;
        let found = arms(&source).into_iter().map(|(operation, handler)| (operation, format!("{api}::{handler}")));
        all.extend(found);
    }
    Ok(all)
}

/// The client's method for each operation.
pub(crate) fn methods(workspace: &Workspace) -> Result<ByOperation> {
    let client = workspace.root().join("crates/client/src");
    let mut all = ByOperation::new();
    // A call of one API may be called as one of the other is: each API has a folder of its own.
    for folder in [client.join("upload"), client] {
        let mut sources = Vec::new();
        for path in rust_files(&folder)? {
            sources.push(fs::read_to_string(&path).doing_at("read", &path)?);
        }
        let meant: Vec<(String, String)> = sources.iter().flat_map(|source| meanings(source)).collect();
        for (variant, method) in sources.iter().flat_map(|source| calls(source)) {
            for (_, operation) in meant.iter().filter(|(one, _)| *one == variant) {
                let named_for_it = method.ends_with(&format!("::{}", snake_case(operation)));
                // What asks again and again is not the method of one request.
                let stand_in = all.get(operation).is_none_or(|known| known.ends_with("_wait"));
                if named_for_it || stand_in {
                    all.insert(operation.clone(), method.clone());
                }
            }
        }
    }
    Ok(all)
}

/// The Rust files of a folder, those below it left out.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).doing_at("read", folder)? {
        let path = entry.doing_at("read", folder)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `OperationId::A | OperationId::B => module::function(...)`, once for each operation. An arm that is an error is no
/// behaviour.
fn arms(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some((pattern, after)) = rest.split_once("=>") {
        let handler = after.trim_start();
        let handler = handler.strip_prefix("Ok(").unwrap_or(handler);
        let end = handler.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(handler.len());
        let (handler, then) = handler.split_at(end);
        let is_call = then.starts_with('(') && handler.starts_with(|c: char| c.is_lowercase());
        if is_call {
            found.extend(names_after("OperationId::", pattern).map(|name| (name.to_owned(), handler.to_owned())));
        }
        rest = after;
    }
    found
}

/// `Self::Direct(_) => OperationId::UploadDirect`: which operation a call is.
fn meanings(source: &str) -> Vec<(String, String)> {
    let (mut found, mut variants) = (Vec::new(), Vec::new());
    for arm in source.split("OperationId::").collect::<Vec<_>>().windows(2) {
        let Some(pattern) = arm[0].trim_end().strip_suffix("=>") else { continue };
        let pattern = pattern.rsplit("match self").next().unwrap_or_default();
        let named: Vec<&str> = names_after("Self::", pattern).collect();
        // Arms of a match inside an arm name no call of their own.
        if !named.is_empty() {
            variants = named;
        }
        found.extend(variants.iter().map(|&variant| (variant.to_owned(), word(arm[1]).to_owned())));
    }
    found
}

/// Public methods with the calls that they make.
fn calls(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    // What stands before the first is no method; tests are not for others to call.
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    for block in code.split("\nimpl ").skip(1) {
        let owner = word(block);
        for method in block.split("\n    pub ").skip(1) {
            let Some(after) = method.strip_prefix("async fn ").or_else(|| method.strip_prefix("fn ")) else { continue };
            let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
            let (name, body) = after.split_at(end);
            let body = body.split("\n    }").next().unwrap_or_default();
            let called = names_after("Call::", body).next();
            found.extend(called.map(|variant| (variant.to_owned(), format!("{owner}::{name}"))));
        }
    }
    found
}

fn names_after<'a>(prefix: &'a str, text: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(prefix).skip(1).map(word)
}

/// The letters and digits that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_that_answer_are_found_and_those_that_refuse_are_not() {
        let source = "match operation.id {
            OperationId::FilesList => files::list(call).await,
            OperationId::LabelsStatus
            | OperationId::RemoveBgStatus => addons::status(call).await,
            OperationId::ProjectInfo => Ok(project(app)),
            OperationId::UploadDirect | OperationId::FromUrl => Err(Failure::not_found()),
        }";
        let expected = [
            ("FilesList", "files::list"),
            ("LabelsStatus", "addons::status"),
            ("RemoveBgStatus", "addons::status"),
            ("ProjectInfo", "project"),
        ];
        assert_eq!(arms(source), expected.map(|(one, other)| (one.to_owned(), other.to_owned())));
    }

    #[test]
    fn a_method_is_found_by_the_call_it_makes() {
        let source = "
impl Client {
    /// One page.
    pub async fn files_list(&self) -> Result<Page, Error> {
        self.ask(&Call::FilesList(query)).await
    }

    pub fn builder() -> Builder {
        Builder
    }
}
#[cfg(test)]
mod tests {
    pub fn x() { Call::FileInfo }
}";
        assert_eq!(calls(source), [("FilesList".to_owned(), "Client::files_list".to_owned())]);
        assert_eq!(snake_case("FileTagsReplace"), "file_tags_replace");
    }

    #[test]
    fn a_call_may_be_named_otherwise_than_its_operation() {
        let source = "match self {
            Self::FileInfo(_) | Self::FileInfoWithAppdata(_) => OperationId::FileInfo,
            Self::Addon(addon) => match addon {
                Addon::Labels => OperationId::LabelsExecute,
                Addon::RemoveBg => OperationId::RemoveBgExecute,
            },
            Self::Image(Image { from: Some(_), .. }) => OperationId::ImageEdit,
        }";
        let expected = [
            ("FileInfo", "FileInfo"),
            ("FileInfoWithAppdata", "FileInfo"),
            ("Addon", "LabelsExecute"),
            ("Addon", "RemoveBgExecute"),
            ("Image", "ImageEdit"),
        ];
        assert_eq!(meanings(source), expected.map(|(one, other)| (one.to_owned(), other.to_owned())));
    }
}
