//! `docs/conformance.md` and `docs/operations.md`: written by a whole run, held against the sources by `lint`.

use std::fmt::Write;
use std::fs;

use updock_types::{Api, OPERATIONS, Operation};

use super::Way;
use super::methods::{self, ByOperation};
use super::record::{Record, SdkRecord, Seen};
use super::report::Deviations;
use crate::error::{Doing, Error, Result};
use crate::workspace::Workspace;

const GENERATED: &str = "<!-- Written by `cargo xtask conformance`. Do not edit: the next run writes it anew. -->\n\n";

/// Writes both.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    for (name, text) in pages(workspace)? {
        let path = workspace.root().join("docs").join(name);
        fs::write(&path, text).doing_at("write", &path)?;
    }
    Ok(())
}

/// Fails when what is committed is not what would be written now.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    for (name, text) in pages(workspace)? {
        let path = workspace.root().join("docs").join(name);
        if fs::read_to_string(&path).doing_at("read", &path)? != text {
            let why = "the operation table, the client, the stand-in or the list of deviations has changed";
            let how = "run `cargo xtask conformance`, or with `--tables` where no behaviour changed";
            return Err(Error::Check(format!("docs/{name} is stale, for {why}: {how}")));
        }
    }
    Ok(())
}

fn pages(workspace: &Workspace) -> Result<[(&'static str, String); 2]> {
    let record = Record::read(workspace, Way::Direct)?;
    let deviations = Deviations::read(workspace, Way::Direct)?;
    let through_signer = (Record::read(workspace, Way::Signer)?, Deviations::of_signer(workspace)?);
    let (handlers, methods) = (methods::handlers(workspace)?, methods::methods(workspace)?);
    let mut holes = holes(OPERATIONS, &handlers, &methods);
    holes.extend(record.unmet(&deviations));
    if !holes.is_empty() {
        return Err(Error::Check(format!("the table of operations has holes:\n  {}", holes.join("\n  "))));
    }
    Ok([
        ("conformance.md", conformance((&record, &deviations), (&through_signer.0, &through_signer.1))),
        ("operations.md", operations(OPERATIONS, &record, &deviations, &handlers, &methods)),
    ])
}

/// Operations that the stand-in does not answer or the client does not ask for.
fn holes(table: &[Operation], handlers: &ByOperation, methods: &ByOperation) -> Vec<String> {
    let mut holes = Vec::new();
    for row in table {
        let (id, rust_name) = (row.id, format!("{:?}", row.id));
        if !handlers.contains_key(&rust_name) {
            holes.push(format!("the stand-in does not answer {id}"));
        }
        if !methods.contains_key(&rust_name) {
            holes.push(format!("the client has no method for {id}"));
        }
    }
    holes
}

fn conformance(
    (record, deviations): (&Record, &Deviations),
    (through_signer, of_signer): (&Record, &Deviations),
) -> String {
    let mut page = String::from("# Uploadcare's own SDKs against the stand-in\n\n");
    page += GENERATED;
    page += "`cargo xtask conformance` takes the official SDKs as they are published, pinned, points them at a fresh \
             `updock-local` and runs every public function of each: once where the service does as asked, once where \
             it refuses. Which functions there are is read from the package at run time; one without a case fails the \
             run.\n\n";
    summary(&mut page, record);
    page += "\n## Known deviations\n\nThe list may only shrink: an entry whose case passes fails the run.\n\n";
    known(&mut page, deviations);
    page += "\n## Through the signer\n\n";
    page += "`cargo xtask conformance --through-signer` puts an `updock-signer` in front of each stand-in and gives the \
             SDKs its address and an agent's key, `Uploadcare.Simple <public key>:<agent key>`; nothing else is \
             changed. Added are cases of an agent that was not granted what it asks.\n\n";
    summary(&mut page, through_signer);
    page += "\nWhat comes out otherwise than at the service itself, besides the above:\n\n";
    known(&mut page, of_signer);
    for sdk in &record.sdks {
        let _ = write!(page, "\n## {}\n\n", sdk.name);
        page += "| function | as asked | refused | result |\n| --- | ---: | ---: | --- |\n";
        for seen in &sdk.functions {
            let errors = match &seen.cannot_fail {
                Some(why) => cell(why),
                None => seen.errors.to_string(),
            };
            let _ = writeln!(page, "| `{}` | {} | {errors} | {} |", seen.name, seen.successes, result(seen));
        }
    }
    page
}

fn summary(page: &mut String, record: &Record) {
    *page += "| SDK | version | from | functions | exercised | passed | cases | passed |\n";
    *page += "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |\n";
    for sdk in &record.sdks {
        let SdkRecord { name, version, registry, functions, .. } = sdk;
        let _ = writeln!(
            page,
            "| `{name}` | {version} | {registry} | {} | {} | {} | {} | {} |",
            functions.len(),
            sdk.exercised(),
            sdk.whole(),
            sdk.cases(),
            sdk.passed()
        );
    }
}

fn known(page: &mut String, deviations: &Deviations) {
    if deviations.known.is_empty() {
        *page += "None.\n";
        return;
    }
    *page += "| id | SDK | function | case | what differs | why |\n| --- | --- | --- | --- | --- | --- |\n";
    for known in &deviations.known {
        let _ = writeln!(
            page,
            "| {} | {} | `{}` | {} | {} | {} |",
            known.id,
            known.sdk,
            known.function,
            cell(&known.case),
            cell(&known.differs),
            cell(&known.reason)
        );
    }
}

fn result(seen: &Seen) -> String {
    let cases = seen.successes + seen.errors;
    match (cases, seen.deviations.as_slice()) {
        (0, _) => "not exercised".into(),
        (_, []) if seen.passed == cases => "passed".into(),
        (_, []) => format!("{} failed", cases - seen.passed),
        (_, ids) => format!("{} of {cases} passed; {}", seen.passed, ids.join(", ")),
    }
}

fn operations(
    table: &[Operation],
    record: &Record,
    deviations: &Deviations,
    handlers: &ByOperation,
    methods: &ByOperation,
) -> String {
    let mut page = String::from("# Every operation of Uploadcare's two APIs\n\n");
    page += GENERATED;
    page += "One row of the table in `crates/types/src/operation.rs` each. *Stand-in* is what answers it in \
             `crates/local/src`, *client* the method of `updock-client`, *level* the least grant that allows it at the \
             signer, and *tested by* the official SDKs that asked the stand-in for it with success in the last \
             [conformance run](conformance.md).\n";
    for (api, title) in [(Api::Upload, "Upload API"), (Api::Rest, "REST API v0.7")] {
        let _ = write!(page, "\n## {title}\n\n");
        page += "| operation | method | path | area | level | stand-in | client | tested by |\n";
        page += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
        for row in table.iter().filter(|row| row.api == api) {
            let id = row.id.as_str();
            let rust_name = format!("{:?}", row.id);
            let code = |of: &ByOperation| of.get(&rust_name).map_or_else(|| "none".into(), |name| format!("`{name}`"));
            let peers = record.peers_of(id);
            let tested = match deviations.unused.iter().find(|unused| unused.operation == id) {
                _ if !peers.is_empty() => peers.join(", "),
                Some(unused) => format!("none: {}", cell(&unused.reason)),
                None => "none".into(),
            };
            let _ = writeln!(
                page,
                "| `{id}` | {} | `{}` | {} | {} | {} | {} | {tested} |",
                row.method,
                row.path,
                row.area,
                row.level,
                code(handlers),
                code(methods)
            );
        }
    }
    page
}

/// Text that does not end a table's cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_added_to_the_table_makes_the_page_stale() {
        let (record, deviations, none) = (Record::default(), Deviations::default(), ByOperation::new());
        let page = |table: &[Operation]| operations(table, &record, &deviations, &none, &none);
        assert_ne!(page(OPERATIONS), page(&OPERATIONS[1..]));
        assert_eq!(page(OPERATIONS).matches("\n| `").count(), OPERATIONS.len());
        assert_eq!(holes(&OPERATIONS[..1], &none, &none).len(), 2);
    }

    #[test]
    fn a_cell_stays_in_its_row() {
        assert_eq!(cell("one\n two | three"), "one two \\| three");
    }
}
