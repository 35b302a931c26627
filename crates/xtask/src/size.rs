//! `size`: what the widget weighs, raw and compressed, and what each crate has of it.
//!
//! The budget is a history in `web/size-budget.toml`; the last entry is in force.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Doing, Error, Result};
use crate::wasm::{self, Mode};
use crate::workspace::Workspace;

/// Builds the release widget, prints its weights, and fails when it is over the budget.
pub(crate) fn run(workspace: &Workspace, by_crate: bool) -> Result<()> {
    wasm::build(workspace, Mode::Release)?;
    let budget = Budget::read(&workspace.size_budget())?;
    let weights = weigh(&workspace.dist(), &budget.loaded)?;
    print!("{}", table(&weights));
    if by_crate {
        print_crates(&fs::read(wasm::named_release(workspace)?).doing("read the named module")?)?;
    }
    hold(&weights, &budget)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    /// Files of `dist` that a page loads to show the widget.
    loaded: Vec<String>,
    budget: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    date: String,
    gzip_kb: f64,
    reason: String,
}

impl Budget {
    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).doing_at("read", file)?;
        Self::parse(&text).map_err(|why| Error::Check(format!("{}: {why}", file.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let budget: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        match budget.budget.iter().find(|entry| entry.reason.trim().is_empty()) {
            Some(entry) => Err(format!("the entry of {} gives no reason", entry.date)),
            None if budget.budget.is_empty() => Err("there is no entry".into()),
            None => Ok(budget),
        }
    }
}

/// Bytes of one file, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Weight {
    name: String,
    raw: usize,
    gzip: usize,
    brotli: usize,
}

fn weigh(dist: &Path, names: &[String]) -> Result<Vec<Weight>> {
    let mut weights = Vec::new();
    for name in names {
        let file = dist.join(name);
        // Glue and styles may be bundled into the shell; then they weigh there.
        if file.exists() {
            let bytes = fs::read(&file).doing_at("read", &file)?;
            weights.push(Weight {
                name: name.clone(),
                raw: bytes.len(),
                gzip: gzip(&bytes).doing("compress")?,
                brotli: brotli(&bytes).doing("compress")?,
            });
        }
    }
    if !weights.iter().any(|weight| Path::new(&weight.name).extension().is_some_and(|kind| kind == "wasm")) {
        return Err(Error::Check("no wasm among the files that the budget lists: is the list current?".into()));
    }
    Ok(weights)
}

fn total(weights: &[Weight]) -> Weight {
    weights.iter().fold(Weight { name: "in all".into(), ..Weight::default() }, |sum, weight| Weight {
        raw: sum.raw + weight.raw,
        gzip: sum.gzip + weight.gzip,
        brotli: sum.brotli + weight.brotli,
        ..sum
    })
}

fn table(weights: &[Weight]) -> String {
    let mut text = format!("{:<24}{:>12}{:>12}{:>12}\n", "", "raw", "gzip -9", "brotli 11");
    for weight in weights.iter().chain([&total(weights)]) {
        let Weight { name, raw, gzip, brotli } = weight;
        let _ = writeln!(text, "{name:<24}{raw:>12}{gzip:>12}{brotli:>12}");
    }
    text
}

fn hold(weights: &[Weight], budget: &Budget) -> Result<()> {
    let gzip = kilobytes(total(weights).gzip);
    let Some(entry) = budget.budget.last() else {
        return Err(Error::Check("the size budget has no entry".into()));
    };
    let (date, allowed) = (&entry.date, entry.gzip_kb);
    if gzip > allowed {
        return Err(Error::Check(format!(
            "the widget weighs {gzip:.1} KB gzip and may weigh {allowed:.1} (web/size-budget.toml, {date})"
        )));
    }
    println!("{gzip:.1} KB gzip of {allowed:.1} allowed (web/size-budget.toml, {date})");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a widget is far below 2^52 bytes")]
fn kilobytes(bytes: usize) -> f64 {
    bytes as f64 / 1000.0
}

fn gzip(bytes: &[u8]) -> std::io::Result<usize> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn brotli(bytes: &[u8]) -> std::io::Result<usize> {
    let mut out = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &params)?;
    Ok(out.len())
}

/// What each crate has of the optimised module, before compression.
fn print_crates(module: &[u8]) -> Result<()> {
    let items = twiggy_parser::parse(module)
        .map_err(|error| Error::Check(format!("twiggy cannot read the module: {error:#}")))?;
    let mut crates: BTreeMap<String, u64> = BTreeMap::new();
    for item in items.iter() {
        let owner = match item.kind() {
            twiggy_ir::ItemKind::Code(_) => crate_of(item.name()),
            twiggy_ir::ItemKind::Data(_) => "(data)".into(),
            // Names are there for weighing only; they are not published.
            _ if item.name().contains("name") || item.name().starts_with("custom section") => continue,
            _ => "(tables and types)".into(),
        };
        *crates.entry(owner).or_default() += u64::from(item.size());
    }
    let whole: u64 = crates.values().sum();
    let mut rows: Vec<_> = crates.into_iter().collect();
    rows.sort_by_key(|(name, bytes)| (std::cmp::Reverse(*bytes), name.clone()));
    println!("\n{:<32}{:>10}{:>8}", "crate", "bytes", "share");
    for (name, bytes) in rows.iter().take(20) {
        println!("{name:<32}{bytes:>10}{:>7}%", bytes * 100 / whole.max(1));
    }
    println!();
    Ok(())
}

/// The crate in which a function is written: the first name of its path.
fn crate_of(function: &str) -> String {
    let mut rest = function;
    loop {
        let before = rest;
        for noise in ["<", "&", "*", "(", "[", "mut ", "const ", "dyn ", "impl "] {
            rest = rest.strip_prefix(noise).unwrap_or(rest);
        }
        if rest == before {
            break;
        }
    }
    let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    if rest[name.len()..].starts_with("::") || rest[name.len()..].starts_with('[') { name } else { "(other)".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_counted_for_the_crate_that_wrote_them() {
        for (function, owner) in [
            ("core::fmt::write::h0123456789abcdef", "core"),
            ("<alloc::vec::Vec<T> as core::clone::Clone>::clone", "alloc"),
            ("<&mut updock::ui::Row as core::fmt::Debug>::fmt", "updock"),
            ("updock_engine[ab12]::engine::handle", "updock_engine"),
            ("memcpy", "(other)"),
            ("__wbindgen_malloc", "(other)"),
        ] {
            assert_eq!(crate_of(function), owner, "{function}");
        }
    }

    #[test]
    fn a_widget_over_the_last_entry_fails_and_says_by_how_much() {
        let budget = Budget::parse(
            r#"loaded = []
            budget = [{ date = "a", gzip_kb = 90.0, reason = "r" }, { date = "b", gzip_kb = 1.5, reason = "r" }]"#,
        )
        .unwrap();
        let weight = |gzip| [Weight { gzip, ..Weight::default() }];
        assert!(hold(&weight(1500), &budget).is_ok());
        let error = hold(&weight(1600), &budget).unwrap_err().to_string();
        assert!(error.contains("1.6 KB") && error.contains("1.5"), "{error}");
    }

    #[test]
    fn a_budget_without_a_reason_is_refused() {
        let text = r#"loaded = []
            budget = [{ date = "a", gzip_kb = 90.0, reason = " " }]"#;
        assert!(Budget::parse(text).is_err_and(|why| why.contains("no reason")));
    }
}
