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
