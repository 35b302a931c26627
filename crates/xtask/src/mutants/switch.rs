//! Puts many mutants of a file beside what they change, each behind a question: is it asked for? So one build holds them
//! all. Of two that are nested, the inner one's alternatives stand only in the outer one's original, because never more
//! than one is asked for; the text grows with the number of mutants and no faster.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use syn::spanned::Spanned as _;
use syn::visit::Visit;
use syn::{BinOp, Expr};

use super::list::{Genre, Mutant};

/// Says which mutant is asked for: its number.
pub(super) const VARIABLE: &str = "UPDOCK_MUTANT";

/// Goes to the end of the crate's `lib.rs`.
pub(super) fn question() -> String {
    format!(
        "\npub(crate) fn __mutant(number: usize) -> bool {{
    static ASKED: std::sync::LazyLock<Option<usize>> =
        std::sync::LazyLock::new(|| std::env::var({VARIABLE:?}).ok()?.parse().ok());
    *ASKED == Some(number)
}}\n"
    )
}

/// A file with its mutants.
#[derive(Debug, Default)]
pub(super) struct Switched {
    pub(super) text: String,
    /// Mutants that cannot stand beside the original.
    pub(super) left: Vec<usize>,
    /// What of `text` belongs to which mutants.
    regions: Vec<(Range<usize>, Part)>,
}

/// What a compiler's complaint is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// What a mutant makes of it.
    Mutated(usize),
    /// The original or the question: these mutants cannot stand beside it.
    Beside(Vec<usize>),
}

/// What the question is written around. The outer comes first, where two begin and end at the same places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// All statements of a function.
    Body,
    Match,
    Binary,
    Unary,
    Struct,
    Guard,
}

type Site = (usize, Reverse<usize>, Form);

/// Mutants with their numbers.
pub(super) type Numbered<'a> = Vec<(usize, &'a Mutant)>;

/// Rewrites a file.
pub(super) fn switch(source: &str, mutants: &[(usize, &Mutant)]) -> syn::Result<Switched> {
    let mut expressions = Expressions::default();
    expressions.visit_file(&syn::parse_file(source)?);
    let mut switched = Switched::default();
    let mut sites: BTreeMap<Site, Numbered> = BTreeMap::new();
    for &(number, mutant) in mutants {
        match expressions.site(source, mutant) {
            Some(site) => sites.entry(site).or_default().push((number, mutant)),
            None => switched.left.push(number),
        }
    }
    let sites: Vec<_> = sites.into_iter().collect();
    switched.write(source, 0..source.len(), &sites);
    Ok(switched)
}

impl Switched {
    /// Whose is this part of the text?
    pub(super) fn part(&self, range: &Range<usize>) -> Option<&Part> {
        let around = self.regions.iter().filter(|(region, _)| contains(region, range));
        around.min_by_key(|(region, _)| region.len()).map(|(_, part)| part)
    }

    /// Writes a part of the source, with the sites that lie in it.
    fn write(&mut self, source: &str, range: Range<usize>, mut sites: &[(Site, Numbered)]) {
        let mut at = range.start;
        while let Some((((start, Reverse(end), form), mutants), rest)) = sites.split_first() {
            let inner = rest.iter().take_while(|((within, ..), _)| within < end).count();
            self.text.push_str(&source[at..*start]);
            let from = self.text.len();
            self.text.push_str(form.opening());
            for (number, mutant) in mutants {
                let replaced = mutant.range(source);
                _ = write!(self.text, "if crate::__mutant({number}) {{ ");
                let from = self.text.len();
                match form {
                    Form::Body => _ = write!(self.text, "return {};", mutant.replacement),
                    _ => self.text.extend([
                        &source[*start..replaced.start],
                        &mutant.replacement,
                        &source[replaced.end..*end],
                    ]),
                }
                self.regions.push((from..self.text.len(), Part::Mutated(*number)));
                self.text.push_str(form.between());
            }
            let beside = Part::Beside(mutants.iter().map(|(number, _)| *number).collect());
            if *form == Form::Body {
                self.regions.push((from..self.text.len(), beside));
                self.write(source, *start..*end, &rest[..inner]);
            } else {
                self.text.push_str("{ ");
                self.write(source, *start..*end, &rest[..inner]);
                self.text.push_str(form.closing());
                self.regions.push((from..self.text.len(), beside));
            }
            (at, sites) = (*end, &rest[inner..]);
        }
        self.text.push_str(&source[at..range.end]);
    }
}

impl Form {
    /// A match may be a statement that has no semicolon after it: braces can be one too.
    fn opening(self) -> &'static str {
        match self {
            Self::Body => "",
            Self::Match => "{ ",
            _ => "(",
        }
    }

    fn between(self) -> &'static str {
        if self == Self::Body { " } " } else { " } else " }
    }

    fn closing(self) -> &'static str {
        if self == Self::Match { " } }" } else { " })" }
    }
}

/// Expressions that mutants may lie in.
#[derive(Debug, Default)]
struct Expressions {
    /// Each with what the question is written around.
    found: Vec<(Form, Range<usize>, Range<usize>)>,
    /// Of what the next expression is an operand: a mutant binds its operands anew, `a - b - c` becomes `a - b / c`, so
    /// the question stands around all of it.
    operand_of: Option<Range<usize>>,
}

impl Expressions {
    fn site(&self, source: &str, mutant: &Mutant) -> Option<Site> {
        let range = mutant.range(source);
        let form = match mutant.genre {
            Genre::FnValue if mutant.hides_its_type() => return None,
            Genre::FnValue => return Some((range.start, Reverse(range.end), Form::Body)),
            Genre::MatchArmGuard => return Some((range.start, Reverse(range.end), Form::Guard)),
            Genre::BinaryOperator => Form::Binary,
            Genre::UnaryOperator => Form::Unary,
            Genre::MatchArm => Form::Match,
            Genre::StructField => Form::Struct,
        };
        let around = self.found.iter().filter(|(has, at, _)| *has == form && contains(at, &range));
        let (.., whole) = around.min_by_key(|(_, at, _)| at.len())?;
        Some((whole.start, Reverse(whole.end), form))
    }
}

impl<'ast> Visit<'ast> for Expressions {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        let range = expr.span().byte_range();
        let whole = self.operand_of.take().unwrap_or(range.clone());
        let form = match expr {
            // The operator between conditions and patterns has no alternative.
            Expr::Binary(_) if matches_pattern(expr) => None,
            Expr::Binary(binary) => {
                self.found.push((Form::Binary, range, whole.clone()));
                for operand in [&binary.left, &binary.right] {
                    self.operand_of = Some(whole.clone());
                    self.visit_expr(operand);
                }
                return;
            }
            Expr::Unary(_) => Some(Form::Unary),
            Expr::Match(_) => Some(Form::Match),
            Expr::Struct(_) => Some(Form::Struct),
            _ => None,
        };
        self.found.extend(form.map(|form| (form, range.clone(), range)));
        syn::visit::visit_expr(self, expr);
    }
}

/// Is it `let`, alone or between conditions?
fn matches_pattern(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            matches_pattern(&binary.left) || matches_pattern(&binary.right)
        }
        _ => false,
    }
}

fn contains(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mutant that replaces the text `at`, which stands once in the source.
    fn mutant(source: &str, genre: &str, at: &str, replacement: &str) -> Mutant {
        let place = |offset: usize| {
            let before = &source[..offset];
            let line = before.rsplit('\n').next().unwrap();
            serde_json::json!({ "line": before.matches('\n').count() + 1, "column": line.chars().count() + 1 })
        };
        let start = source.find(at).unwrap();
        assert_eq!(source.matches(at).count(), 1, "{at}");
        let mutant = serde_json::json!({
            "name": "a.rs:1:1: a change", "file": "a.rs", "genre": genre, "replacement": replacement,
            "function": { "return_type": "" },
            "span": { "start": place(start), "end": place(start + at.len()) },
        });
        serde_json::from_value(mutant).unwrap()
    }

    fn switched(source: &str, mutants: &[(&str, &str, &str)]) -> Switched {
        let mutants: Vec<_> = mutants.iter().map(|(genre, at, with)| mutant(source, genre, at, with)).collect();
        let switched = switch(source, &mutants.iter().enumerate().collect::<Vec<_>>()).unwrap();
        syn::parse_file(&switched.text).unwrap();
        switched
    }

    #[test]
    fn each_kind_of_mutant_stands_beside_the_original() {
        for (source, mutant, expected) in [
            (
                "fn f() -> u8 { g(); 7 }",
                ("FnValue", "g(); 7", "0"),
                "fn f() -> u8 { if crate::__mutant(0) { return 0; } g(); 7 }",
            ),
            (
                "const fn ü() {}\nfn f() { a = b - c - d; }",
                ("BinaryOperator", "- d", "/ d"),
                "const fn ü() {}\nfn f() { a = (if crate::__mutant(0) { b - c / d } else { b - c - d }); }",
            ),
            (
                "fn f() -> bool { !a() }",
                ("UnaryOperator", "!", ""),
                "fn f() -> bool { (if crate::__mutant(0) { a() } else { !a() }) }",
            ),
            (
                "fn f() { match a { 1 => b(), _ => {} } c(); }",
                ("MatchArm", "1 => b(),", ""),
                "fn f() { { if crate::__mutant(0) { match a {  _ => {} } } else { match a { 1 => b(), _ => {} } } } c(); }",
            ),
            (
                "fn f() { match a { _ if b => {} _ => {} } }",
                ("MatchArmGuard", "b", "false"),
                "fn f() { match a { _ if (if crate::__mutant(0) { false } else { b }) => {} _ => {} } }",
            ),
            (
                "fn f() -> A { A { b: 1, ..c } }",
                ("StructField", "b: 1,", ""),
                "fn f() -> A { (if crate::__mutant(0) { A {  ..c } } else { A { b: 1, ..c } }) }",
            ),
        ] {
            assert_eq!(switched(source, &[mutant]).text, expected);
        }
    }

    #[test]
    fn of_nested_mutants_the_inner_stands_in_the_outers_original_only() {
        let source = "fn f() -> bool { g(a + b) == c }";
        let both = [("BinaryOperator", "==", "!="), ("BinaryOperator", "+", "-"), ("BinaryOperator", "+", "*")];
        assert_eq!(
            switched(source, &both).text,
            "fn f() -> bool { (if crate::__mutant(0) { g(a + b) != c } else { \
             g((if crate::__mutant(1) { a - b } else if crate::__mutant(2) { a * b } else { a + b })) == c }) }"
        );
    }

    #[test]
    fn an_operator_beside_a_pattern_has_no_alternative() {
        let source = "fn f() { if a == b && let Some(c) = d { e() } }";
        let switched = switched(source, &[("BinaryOperator", "&&", "||"), ("BinaryOperator", "==", "!=")]);
        assert_eq!(switched.left, [0]);
        assert!(switched.text.contains("if (if crate::__mutant(1) { a != b } else { a == b }) && let"));
    }

    #[test]
    fn a_complaint_is_laid_at_the_door_of_the_mutant_that_it_points_at() {
        let switched = switched("fn f() -> u8 { a + b }", &[("FnValue", "a + b", "x"), ("BinaryOperator", "+", "-")]);
        let part = |text: &str| {
            let start = switched.text.find(text).unwrap();
            switched.part(&(start..start + text.len())).cloned()
        };
        assert_eq!(part("x"), Some(Part::Mutated(0)));
        assert_eq!(part("a - b"), Some(Part::Mutated(1)));
        assert_eq!(part("a + b"), Some(Part::Beside(vec![1])));
        assert_eq!(part("crate::__mutant(0)"), Some(Part::Beside(vec![0])));
        assert_eq!(part("fn f"), None);
    }
}
