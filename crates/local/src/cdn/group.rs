//! The page of a group: a plain list of its files. Source: Uploadcare URL API, file groups.

use super::answer::set;
use crate::store::{FileRow, GroupRow};
use axum::{body::Body, response::Response};
use http::header;
use std::fmt::Write;

/// The files in order, each with its address and its number; one that is gone is said to be.
pub(super) fn page(group: &GroupRow, files: &[Option<FileRow>]) -> Response {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Group {id}</title>\n<h1>Group {id}</h1>\n<ol start=\"0\">\n",
        id = group.id
    );
    for (index, (member, file)) in group.members.iter().zip(files).enumerate() {
        // Writing to a String cannot fail.
        let _ = match file {
            Some(file) => {
                let operations =
                    if member.effects.is_empty() { String::new() } else { format!("-/{}", member.effects) };
                let name = escaped(&file.original_filename);
                let address = escaped(&format!("/{}/{operations}", file.uuid));
                writeln!(
                    page,
                    "<li><a href=\"{address}\">{address}</a> {name} (<a href=\"nth/{index}/\">nth/{index}/</a>)"
                )
            }
            None => writeln!(page, "<li>{} was removed", member.file),
        };
    }
    page.push_str("</ol>\n");
    let mut response = Response::new(Body::from(page));
    set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
    // Files may go, so the list is asked for again.
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::CONTENT_SECURITY_POLICY, "default-src 'none'");
    response
}

/// Safe in text and in quoted attributes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
