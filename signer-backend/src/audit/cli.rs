//! `updock-signer audit ...`: reads the state itself, whether the signer runs or not.

use super::http::{ends, export, fits, more, read_query};
use super::{Entry, SpokenMark, csv_head, csv_line, verify};
use crate::policy::{Secrets, Signs};
use crate::sentence::counted;
use crate::signing::{Signing, Verifying};
use crate::state::{AuditQuery, AuditRow, State};
use clap::{Args, Subcommand, ValueEnum};
use futures_util::TryStreamExt;
use std::io::Write;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// What to do with the log.
#[derive(Subcommand)]
pub enum Audit {
    /// Says whether the log is whole: every record, every link, every checkpoint.
    Verify {
        /// Output of the signer that was kept elsewhere: its checkpoints are held against the log.
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
        /// The key that signs checkpoints, as 64 hexadecimal digits; else the one in the state, which whoever changed
        /// the log may have changed too.
        #[arg(long, value_name = "HEX")]
        public_key: Option<String>,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints records as they come.
    Tail {
        /// Which records.
        #[command(flatten)]
        filter: Filter,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints records that fit, newest first.
    Search {
        /// Which records.
        #[command(flatten)]
        filter: Filter,
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Prints JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints all records that fit, newest first.
    Export {
        /// Which records.
        #[command(flatten)]
        filter: Filter,
        /// In which form.
        #[arg(long, value_enum, default_value = "ndjson")]
        form: ExportForm,
    },
}

/// Which records.
#[derive(Args)]
pub struct Filter {
    /// Of this agent, or of `visitor`
    #[arg(long)]
    caller: Option<String>,
    /// In this area
    #[arg(long)]
    area: Option<String>,
    /// Of this operation, like files.delete
    #[arg(long)]
    operation: Option<String>,
    /// `allow`, `deny` or `needs_approval`
    #[arg(long)]
    verdict: Option<String>,
    /// Of the request with this id
    #[arg(long)]
    request: Option<String>,
    /// Holding this text
    #[arg(long)]
    text: Option<String>,
    /// From this time on, like 2026-11-23T09:00:00Z, or for so long, like 1d
    #[arg(long)]
    from: Option<String>,
    /// Before this time, or before so long ago
    #[arg(long)]
    to: Option<String>,
}

/// Form of an export.
#[derive(Clone, Copy, ValueEnum)]
pub enum ExportForm {
    /// A JSON object on each line, byte for byte as it was hashed
    Ndjson,
    /// A table
    Csv,
}

impl Audit {
    /// What it must know of the policy's secrets. Who brings the public key along needs none that signs.
    pub fn secrets(&self) -> Secrets {
        match self {
            Self::Verify { public_key: None, .. } => Secrets::Signing(Signs::Checkpoints),
            Self::Verify { .. } | Self::Tail { .. } | Self::Search { .. } | Self::Export { .. } => Secrets::State,
        }
    }
}

impl Filter {
    fn query(&self) -> Result<AuditQuery, String> {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("caller", &self.caller),
            ("area", &self.area),
            ("operation", &self.operation),
            ("verdict", &self.verdict),
            ("request", &self.request),
            ("text", &self.text),
            ("from", &self.from),
            ("to", &self.to),
        ] {
            if let Some(value) = value {
                text.append_pair(name, value);
            }
        }
        read_query(&text.finish()).map_err(|fault| fault.detail().to_owned())
    }
}

/// Runs a command over `state`; `key` signs its checkpoints, if the policy brings one along. `Ok(false)`: the log is not
/// whole.
pub async fn run(
    command: &Audit,
    state: Arc<dyn State>,
    key: Option<&Signing>,
    out: &mut (dyn Write + Send),
) -> Result<bool, String> {
    let unread = |error: crate::state::StateError| format!("the audit log cannot be read: {error}");
    let unwritten = |error: std::io::Error| format!("standard output cannot be written: {error}");
    match command {
        Audit::Verify { checkpoints, public_key, json } => {
            let key = match (public_key, key) {
                (Some(text), _) => Verifying::parse(text).ok_or("a public key has 64 small hexadecimal digits")?,
                (None, Some(key)) => key.verifying(),
                (None, None) => Signing::known(&*state, super::KEY)
                    .await
                    .map_err(unread)?
                    .ok_or("no signer has begun a log in this state, so there is nothing to verify")?
                    .verifying(),
            };
            let outside = match checkpoints {
                None => Vec::new(),
                Some(path) => {
                    let text = std::fs::read_to_string(path)
                        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                    text.lines().filter_map(SpokenMark::find).collect()
                }
            };
            let report = verify(&*state, &key, &outside).await.map_err(unread)?;
            if *json {
                let text = serde_json::to_string(&report).map_err(|error| error.to_string())?;
                writeln!(out, "{text}").map_err(unwritten)?;
            } else {
                for fault in &report.faults {
                    writeln!(out, "{fault}").map_err(unwritten)?;
                }
                let end = if report.faults.is_empty() { "The log is whole" } else { "The log is NOT whole" };
                writeln!(
                    out,
                    "{end}: {} in {}, {}, {} without an outcome (public key {}).",
                    counted(report.records, "record"),
                    counted(report.chains as u64, "chain"),
                    counted(report.checkpoints, "checkpoint"),
                    counted(report.open, "request"),
                    crate::signing::hex(&key.bytes())
                )
                .map_err(unwritten)?;
            }
            Ok(report.faults.is_empty())
        }
        Audit::Search { filter, limit, json } => {
            let query = AuditQuery { most: *limit, ..filter.query()? };
            for row in state.search(query).await.map_err(unread)? {
                print(&row, *json, out).map_err(unwritten)?;
            }
            Ok(true)
        }
        Audit::Export { filter, form } => {
            let rows = export(state, filter.query()?);
            let mut rows = pin!(rows);
            if matches!(form, ExportForm::Csv) {
                out.write_all(csv_head().as_bytes()).map_err(unwritten)?;
            }
            while let Some(row) = rows.try_next().await.map_err(unread)? {
                let line = match form {
                    ExportForm::Ndjson => row.record + "\n",
                    ExportForm::Csv => {
                        serde_json::from_str::<Entry<'_>>(&row.record).map(|entry| csv_line(&entry)).unwrap_or_default()
                    }
                };
                out.write_all(line.as_bytes()).map_err(unwritten)?;
            }
            Ok(true)
        }
        Audit::Tail { filter, json } => {
            let query = filter.query()?;
            let mut position = ends(&*state).await.map_err(unread)?;
            loop {
                for row in more(&*state, &position).await.map_err(unread)? {
                    position.insert(row.node.clone(), row.seq);
                    if fits(&row, &query) {
                        print(&row, *json, out).and_then(|()| out.flush()).map_err(unwritten)?;
                    }
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

fn print(row: &AuditRow, json: bool, out: &mut (dyn Write + Send)) -> std::io::Result<()> {
    if json {
        return writeln!(out, "{}", row.record);
    }
    let text = serde_json::from_str::<Entry<'_>>(&row.record).map(|entry| entry.text).unwrap_or_default();
    let request = row.request.as_ref().map(|request| format!(" [{request}]")).unwrap_or_default();
    let at = super::entry::time(row.at);
    let (day, time) = at.split_once('T').unwrap_or((&at, ""));
    writeln!(out, "{day} {} UTC  {text}{request}", time.split('.').next().unwrap_or_default())
}
