//! The description as a page: a table for each area, in the words of the operation table.

use super::document;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) const STYLE: &str = include_str!("style.css");

/// The page.
pub(super) fn html(address: &str) -> String {
    let document = document(address);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>updock-signer: what it answers</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<link rel=\"stylesheet\" href=\"docs/style.css\">\n\
         <main>\n<h1>updock-signer</h1>\n<p>{}</p>\n\
         <p>Agents send <code>Authorization: Bearer &lt;agent key&gt;</code>; official SDKs take this address as their \
         base URL and the agent key as the secret key. For programs: <a href=\"openapi.json\">openapi.json</a>.</p>\n",
        escaped(document["info"]["summary"].as_str().unwrap_or_default())
    );
    for (area, operations) in &by_area(&document) {
        let _ = write!(page, "<section>\n<h2 id=\"{0}\">{0}</h2>\n", escaped(area));
        for (method, path, told) in operations {
            operation(&mut page, &document, method, path, told);
        }
        page += "</section>\n";
    }
    page += "<section>\n<h2 id=\"shapes\">Shapes</h2>\n";
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let schema = serde_json::to_string_pretty(schema).unwrap_or_default();
        let _ = writeln!(
            page,
            "<details id=\"{0}\"><summary>{0}</summary><pre>{1}</pre></details>",
            escaped(name),
            escaped(&schema)
        );
    }
    page + "</section>\n</main>\n</html>\n"
}

/// Method, path and description, by the first tag.
type ByArea<'a> = BTreeMap<&'a str, Vec<(String, &'a str, &'a Value)>>;

fn by_area(document: &Value) -> ByArea<'_> {
    let mut areas = ByArea::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, told) in methods.as_object().into_iter().flatten() {
            let area = told["tags"][0].as_str().unwrap_or_default();
            areas.entry(area).or_default().push((method.to_ascii_uppercase(), path, told));
        }
    }
    areas
}

fn operation(page: &mut String, document: &Value, method: &str, path: &str, told: &Value) {
    let text = |name: &str| escaped(told[name].as_str().unwrap_or_default());
    let _ = write!(
        page,
        "<article id=\"{0}\">\n<h3><code>{method} {1}</code></h3>\n<p>{2}. {3}</p>\n<dl>\n",
        text("operationId"),
        escaped(path),
        text("summary"),
        text("description").replace('`', "")
    );
    let parameters = told["parameters"].as_array().into_iter().flatten().map(|one| {
        let shared = one["$ref"].as_str().and_then(|path| document.pointer(path.strip_prefix('#')?));
        shared.unwrap_or(one)
    });
    let named: Vec<String> =
        parameters.filter_map(|one| Some(format!("<code>{}</code>", escaped(one["name"].as_str()?)))).collect();
    if !named.is_empty() {
        let _ = writeln!(page, "<dt>Parameters</dt><dd>{}</dd>", named.join(", "));
    }
    if let Some(shape) = link(&told["requestBody"]["content"]["application/json"]["schema"]) {
        let or = if told["requestBody"]["required"] == false { ", or nothing" } else { "" };
        let _ = writeln!(page, "<dt>Takes</dt><dd>{shape}{or}</dd>");
    }
    let answers =
        told["responses"].as_object().into_iter().flatten().filter_map(|(_, answer)| answer["content"].as_object());
    let given: Vec<String> = answers.flatten().filter_map(|(_, content)| link(&content["schema"])).collect();
    if let Some(shape) = given.first() {
        let _ = writeln!(page, "<dt>Gives</dt><dd>{shape}</dd>");
    }
    page.push_str("</dl>\n</article>\n");
}

fn link(schema: &Value) -> Option<String> {
    let name = escaped(schema["$ref"].as_str()?.rsplit('/').next()?);
    Some(format!("<a href=\"#{name}\">{name}</a>"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
