//! Figures with their limits.

/// Figures, in the order they were measured.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>);

struct Row {
    what: String,
    value: f64,
    unit: &'static str,
    limit: Limit,
}

enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Table {
    pub(crate) fn at_least(&mut self, what: &str, value: f64, limit: f64, unit: &'static str) {
        self.0.push(Row { what: what.to_owned(), value, unit, limit: Limit::AtLeast(limit) });
    }

    pub(crate) fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &'static str) {
        self.0.push(Row { what: what.to_owned(), value, unit, limit: Limit::AtMost(limit) });
    }

    /// False where a limit does not hold.
    pub(crate) fn print(&self) -> bool {
        let mut held = true;
        println!();
        for Row { what, value, unit, limit } in &self.0 {
            // Not a number holds nothing.
            let (holds, bound) = match limit {
                Limit::AtLeast(limit) => (value >= limit, format!("at least {limit}")),
                Limit::AtMost(limit) => (value <= limit, format!("at most {limit}")),
            };
            held &= holds;
            println!("{}  {what:<58}{value:>9.2} {unit:<9}{bound}", if holds { "ok  " } else { "OVER" });
        }
        held
    }
}
