use super::*;
use std::collections::BTreeSet;

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_row_is_described_with_what_it_needs() {
    let document = document("https://signer.example.com");
    let mut described = 0;
    let rest = operation::rows().map(|row| {
        (
            format!("{}{}", paths::UPLOADCARE, row.path),
            row.method,
            row.id.as_str(),
            row.area.as_str(),
            row.level.as_str(),
        )
    });
    let own = OWN.iter().map(|own| (own.path.to_owned(), own.method, own.id, own.area.as_str(), own.level.as_str()));
    for (path, method, id, area, level) in rest.chain(own) {
        let told = &document["paths"][&path][method.as_str().to_ascii_lowercase()];
        assert_eq!(told["operationId"], id, "{method} {path}");
        assert_eq!(told["x-updock-grant"], json!({ "area": area, "level": level }), "{id}");
        for name in path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = told["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|one| one["name"] == name && one["in"] == "path"), "{id}: {name}");
        }
        described += 1;
    }
    assert!(described >= 39 + 6);
    for row in operation::rows() {
        let body = rest_shape(row.id).body.is_some();
        assert_eq!(body, operation::has_body(row), "{} and its body", row.id);
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_shape_is_used() {
    let document = document("https://signer.example.com");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let path = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(path).is_some(), "{reference} leads nowhere");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(!schemas.is_empty());
    for name in schemas.keys() {
        assert!(found.contains(format!("#/components/schemas/{name}").as_str()), "nobody uses {name}");
    }
}

#[test]
fn the_page_names_every_operation_and_loads_nothing_from_elsewhere() {
    let page = page::html("https://signer.example.com");
    for row in operation::rows() {
        assert!(page.contains(&format!("id=\"{}\"", row.id)), "{}", row.id);
    }
    for own in OWN {
        assert!(page.contains(&format!("id=\"{}\"", own.id)), "{}", own.id);
    }
    for foreign in ["<script", "src=", "style=", "javascript:", "@import", "url("] {
        assert!(!page.contains(foreign) && !page::STYLE.contains(foreign), "{foreign}");
    }
    let loaded: Vec<&str> = page.matches("rel=\"stylesheet\" href=\"docs/style.css\"").collect();
    assert_eq!(loaded.len(), 1);
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(|(method, told)| (path.as_str(), method.as_str(), told))
        })
        .collect()
}

#[test]
fn summaries_are_whole_and_each_is_one_operations_own() {
    let document = document("https://signer.example.com");
    let mut seen = BTreeSet::new();
    for (path, method, told) in operations(&document) {
        let summary = told["summary"].as_str().unwrap();
        let words: Vec<&str> = summary.split(' ').collect();
        let last = *words.last().unwrap();
        let prepositions =
            ["of", "in", "to", "from", "for", "at", "by", "with", "on", "out", "about", "how", "far", "a"];
        assert!(words.len() > 1 && !prepositions.contains(&last), "{method} {path}: {summary:?} breaks off");
        let bare = ["file", "group", "webhook", "conversion"].contains(&last);
        let before = words[words.len() - 2];
        assert!(!bare || ["a", "an", "the"].contains(&before), "{method} {path}: {summary:?} lacks a word");
        assert!(summary.starts_with(|first: char| first.is_ascii_uppercase()), "{summary:?}");
        assert!(!told["description"].as_str().unwrap().is_empty(), "{summary:?}");
        assert!(seen.insert(summary), "{summary:?} stands there twice");
    }
}

/// What OpenAPI 3.1 asks of a document, as far as this one goes. Source: OpenAPI Specification 3.1.0, section 4.8.
#[test]
fn the_document_is_as_openapi_has_it() {
    let document = document("https://signer.example.com");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    for (name, scheme) in schemes {
        let good = match scheme["type"].as_str().unwrap() {
            "http" => scheme["scheme"].is_string(),
            "apiKey" => scheme["name"].is_string() && ["query", "header"].contains(&scheme["in"].as_str().unwrap()),
            _ => false,
        };
        assert!(good, "{name}: {scheme}");
    }
    let (mut ids, mut used, mut shapes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (path, method, told) in operations(&document) {
        let at = format!("{method} {path}");
        assert!(path.starts_with('/') && ["get", "put", "post", "delete", "patch"].contains(&method), "{at}");
        assert!(ids.insert(told["operationId"].as_str().unwrap()), "{at}: its id is another's, too");
        let bare: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        shapes.insert((bare.join("/"), method));
        for requirement in told["security"].as_array().unwrap() {
            for name in requirement.as_object().unwrap().keys() {
                assert!(schemes.contains_key(name), "{at}: {name} is no scheme");
                used.insert(name.as_str());
            }
        }
        let mut named = BTreeSet::new();
        for parameter in told["parameters"].as_array().into_iter().flatten() {
            let shared = parameter["$ref"].as_str().map(|to| document.pointer(to.strip_prefix('#').unwrap()).unwrap());
            let parameter = shared.unwrap_or(parameter);
            let (name, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
            assert!(["path", "query", "header"].contains(&place) && parameter["schema"].is_object(), "{at}: {name}");
            assert!(!["Accept", "Content-Type", "Authorization"].contains(&name), "{at}: {name} belongs elsewhere");
            assert!(place != "path" || parameter["required"] == true, "{at}: {name} is needed");
            assert!(named.insert((place, name)), "{at}: {name} stands there twice");
        }
        let templated: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let in_path = named.iter().filter(|(place, _)| *place == "path").map(|(_, name)| *name).collect();
        assert_eq!(templated, in_path, "{at}");
        if let Some(body) = told.get("requestBody") {
            assert!(body["required"].is_boolean() && !body["content"].as_object().unwrap().is_empty(), "{at}");
        }
        let responses = told["responses"].as_object().unwrap();
        for (status, response) in responses {
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let class = status.len() == 3 && (digits(status) || digits(&status[..1]) && &status[1..] == "XX");
            assert!(class || status == "default", "{at}: {status}");
            assert!(response["$ref"].is_string() || response["description"].is_string(), "{at}: {status}");
            for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                let schema = content["schema"].as_object().unwrap();
                assert!(!schema.is_empty(), "{at}: {media_type} has no shape");
            }
        }
        assert!(responses.keys().any(|status| status.starts_with('2')), "{at}");
    }
    assert_eq!(shapes.len(), operations(&document).len(), "two addresses differ in names only");
    assert_eq!(used.len(), schemes.len(), "a scheme is for nobody");
}

#[test]
fn a_body_that_may_be_left_out_is_not_asked_for() {
    let document = document("https://signer.example.com");
    let required = |path: &str| document["paths"][path]["post"]["requestBody"]["required"].clone();
    for (path, expected) in [
        (paths::UPLOAD_CREDENTIALS, false),
        (paths::KEYS, false),
        (paths::KEYS_DERIVE, true),
        (paths::UPLOADS_CONFIRM, true),
        (paths::REPORT_LEAK, true),
    ] {
        assert_eq!(required(path), expected, "{path}");
    }
}
