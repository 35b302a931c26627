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

    /// The line of a record whose caller and sentence are `text`.
    fn line(text: &str) -> String {
        let record = serde_json::json!({
            "v": 1, "node": "a", "seq": 1, "at": "t", "phase": "event", "caller": text, "text": text, "prev": "",
        });
        csv_line(&serde_json::from_str(&record.to_string()).unwrap())
    }

    /// The records of a table, as a reader of RFC 4180 sees them.
    fn records(table: &str) -> Vec<Vec<String>> {
        let (mut records, mut record, mut cell, mut in_quotes) = (Vec::new(), Vec::new(), String::new(), false);
        let mut letters = table.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if in_quotes && letters.peek() == Some(&'"') => cell.extend(letters.next()),
                '"' => in_quotes = !in_quotes,
                ',' if !in_quotes => record.push(std::mem::take(&mut cell)),
                '\r' if !in_quotes && letters.peek() == Some(&'\n') => {
                    letters.next();
                    record.push(std::mem::take(&mut cell));
                    records.push(std::mem::take(&mut record));
                }
                '\r' | '\n' if !in_quotes => panic!("a line ends within a record: {table:?}"),
                _ => cell.push(letter),
            }
        }
        assert!(!in_quotes && cell.is_empty() && record.is_empty(), "the table breaks off: {table:?}");
        records
    }

    #[test]
    fn a_cell_is_never_a_formula_and_never_ends_its_line() {
        let harmless = "a \"b\", c";
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(1)", "'@SUM(1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("=1,\"2\"\r\n=3", "'=1,\"2\"\r\n=3"),
            ("a\nb", "a\nb"),
            ("a\rb", "a\rb"),
            ("a\r\nb,1", "a\r\nb,1"),
            ("\"", "\""),
            ("\",\"\r\nx", "\",\"\r\nx"),
            (harmless, harmless),
            ("1 = 1, - and @", "1 = 1, - and @"),
        ] {
            let table = format!("{}{}{}", csv_head(), line(text), line("next"));
            let records = records(&table);
            assert_eq!(records.len(), 3, "{text:?}");
            assert!(records.iter().all(|record| record.len() == records[0].len()), "{text:?}");
            let column = |name: &str| records[0].iter().position(|head| head == name).unwrap();
            assert_eq!((&*records[1][column("caller")], &*records[1][column("text")]), (cell, cell));
            assert_eq!((&*records[2][0], &*records[2][column("caller")]), ("a", "next"));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_one_cell_of_one_record_and_no_formula(text in "(?s)[=+@\\-\t\r\n\",a]{0,12}|.*") {
            let table = line(&text) + &line("next");
            let records = records(&table);
            proptest::prop_assert_eq!(records.len(), 2);
            proptest::prop_assert_eq!(records[0].len(), csv_head().split(',').count());
            for cell in &records[0] {
                proptest::prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{:?}", cell);
            }
            let harmless = format!("'{text}");
            proptest::prop_assert!(records[0][5] == text || records[0][5] == harmless);
        }
    }
}
