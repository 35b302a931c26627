//! The log as a table for other programs.

use super::Entry;
use std::fmt::Write;

/// First line of the table.
pub fn csv_head() -> &'static str {
    "node,seq,at,phase,request,caller,key,peer,operation,area,level,shape,verdict,missing,status,millis,text\r\n"
}

/// A record as a line. Source: RFC 4180; a cell that a spreadsheet would take for a formula gets a `'` in front.
pub fn csv_line(entry: &Entry<'_>) -> String {
    let mut line = String::new();
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let (seq, status, millis) = (entry.seq.to_string(), number(entry.status.map(u64::from)), number(entry.millis));
    let cells = [
        Some(&*entry.node),
        Some(seq.as_str()),
        Some(&entry.at),
        Some(&entry.phase),
        entry.request.as_deref(),
        entry.caller.as_deref(),
        entry.key.as_deref(),
        entry.peer.as_deref(),
        entry.operation.as_deref(),
        entry.area.as_deref(),
        entry.level.as_deref(),
        entry.shape.as_deref(),
        entry.verdict.as_deref(),
        entry.missing.as_deref(),
        status.as_deref(),
        millis.as_deref(),
        Some(&entry.text),
    ];
    for (number, cell) in cells.into_iter().enumerate() {
        if number > 0 {
            line.push(',');
        }
        let cell = cell.unwrap_or_default();
        let formula = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        if cell.contains(['"', ',', '\n', '\r']) || !formula.is_empty() {
            let _ = write!(line, "\"{formula}{}\"", cell.replace('"', "\"\""));
        } else {
            line.push_str(cell);
        }
    }
    line + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_and_never_ends_its_line() {
        let entry: Entry = serde_json::from_str(
            r#"{"v":1,"node":"a","seq":1,"at":"t","phase":"event","caller":"=cmd|' /C calc'!A0","text":"a \"b\", c\nd","prev":""}"#,
        )
        .unwrap();
        assert_eq!(csv_line(&entry), "a,1,t,event,,\"'=cmd|' /C calc'!A0\",,,,,,,,,,,\"a \"\"b\"\", c\nd\"\r\n");
        assert_eq!(csv_head().matches(',').count(), csv_line(&entry).replace(", c", "").matches(',').count());
    }
}
