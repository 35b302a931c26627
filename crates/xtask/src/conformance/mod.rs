//! `conformance`: the official SDKs against the stand-in, as they come from their registries.
//!
//! Each SDK gets stand-ins of its own, one for each configuration, and runs every public function that it has, in its
//! own language (`tests/conformance`). With `--through-signer` those that speak the REST API do so through a signer, with
//! nothing changed but the base URL and the key. Here the parts are set up and started, the reports are judged against the list
//! of known deviations, and the tables in `docs/` are written from what was seen.

mod docs;
mod methods;
mod record;
mod report;
mod samples;
mod signers;
mod standins;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use updock_types::Api;

use crate::demo;
use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::setup::{browser, npm, python};
use crate::test::Counts;
use crate::workspace::Workspace;

pub(crate) use docs::check as check_docs;

/// How to run it.
#[derive(Debug, Clone, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct Options {
    /// Build nothing: take what was built last
    #[arg(long)]
    as_built: bool,
    /// Only the SDKs whose name contains this; the tables in docs/ stay as they are
    #[arg(long, value_name = "NAME")]
    sdk: Option<String>,
    /// Only the cases whose function or title contains this; the tables in docs/ stay as they are
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Show where in the suites a case failed
    #[arg(long)]
    verbose: bool,
    /// Let them speak the REST API through signers, with agents' keys
    #[arg(long)]
    through_signer: bool,
    /// Run nothing: write the tables in docs/ anew from what the last whole run saw
    #[arg(long)]
    tables: bool,
}

impl Options {
    /// As in a test run: everything, by this way.
    pub(crate) fn of_test(way: Way) -> Self {
        Self { through_signer: way == Way::Signer, ..Self::default() }
    }

    fn way(&self) -> Way {
        if self.through_signer { Way::Signer } else { Way::Direct }
    }
}

/// What the SDKs speak the REST API with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The stand-ins themselves.
    Direct,
    /// Signers in front of them.
    Signer,
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Everything, and the tables in `docs/` are written.
    Whole,
    /// What needs no browser; nothing is written.
    Short,
}

/// What runs the cases of an SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    Node,
    Browser,
    Python,
}

/// An SDK and its cases.
#[derive(Debug, Clone, Copy)]
struct Sdk {
    /// What it is called in tables.
    name: &'static str,
    /// Below `tests/conformance`.
    script: &'static str,
    runner: Runner,
    /// The one API that it speaks; its cases may prepare through the other with another SDK.
    only: Option<Api>,
}

const SDKS: &[Sdk] = &[
    Sdk { name: "upload-client", script: "npm/upload-client.mjs", runner: Runner::Node, only: Some(Api::Upload) },
    Sdk { name: "rest-client", script: "npm/rest-client.mjs", runner: Runner::Node, only: Some(Api::Rest) },
    Sdk { name: "signed-uploads", script: "npm/signed-uploads.mjs", runner: Runner::Node, only: Some(Api::Upload) },
    Sdk { name: "file-uploader", script: "npm/file-uploader.mjs", runner: Runner::Browser, only: Some(Api::Upload) },
    Sdk { name: "pyuploadcare", script: "python/pyuploadcare_suite.py", runner: Runner::Python, only: None },
];

/// Runs the SDKs, prints the table, and fails when one of them noticed that it was not Uploadcare.
pub(crate) fn run(workspace: &Workspace, options: &Options, form: Form, counts: &mut Counts) -> Result<()> {
    if options.tables {
        return docs::write(workspace);
    }
    let way = options.way();
    let chosen: Vec<Sdk> = SDKS
        .iter()
        .copied()
        .filter(|sdk| form == Form::Whole || sdk.runner != Runner::Browser)
        .filter(|sdk| way == Way::Direct || sdk.only != Some(Api::Upload))
        .filter(|sdk| options.sdk.as_ref().is_none_or(|name| sdk.name.contains(name)))
        .collect();
    if chosen.is_empty() {
        return Err(Error::Check("no SDK is called that".into()));
    }
    if !options.as_built {
        standins::build(workspace)?;
        if way == Way::Signer {
            signers::build(workspace)?;
        }
    }
    let tools = Tools::ensure(workspace, &chosen)?;
    let deviations = report::Deviations::read(workspace, way)?;
    let runtime = demo::runtime()?;
    let mut reports = Vec::new();
    for sdk in chosen {
        eprintln!("\n{}", sdk.name);
        let start = Instant::now();
        let folder = workspace.scratch("conformance").join(sdk.name);
        let standins = runtime.block_on(standins::Standins::start(workspace, &folder))?;
        let signers = match way {
            Way::Direct => None,
            Way::Signer => Some(runtime.block_on(signers::Signers::start(workspace, &standins, &folder))?),
        };
        let ran = tools.run(workspace, sdk, (&standins, signers.as_ref()), &folder, options);
        let operations = standins.operations();
        if let Some(signers) = signers {
            runtime.block_on(signers.stop());
        }
        runtime.block_on(standins.stop());
        let mut report = ran?;
        // Parts and the CDN are no operations of the table.
        let spoken = |id: &String| record::row(id).is_some_and(|row| sdk.only.is_none_or(|api| row.api == api));
        report.operations = operations?.into_iter().filter(spoken).collect();
        eprintln!("  {:.1} s", start.elapsed().as_secs_f64());
        reports.push(report);
    }

    let whole = form == Form::Whole && options.sdk.is_none() && options.case.is_none();
    let record = record::Record::of(&reports, &deviations);
    println!("\n{}", record.table());
    for report in &reports {
        counts.passed += report.cases().filter(|(_, case)| case.passed).count() as u64;
    }
    let mut problems = deviations.judge(&reports, options.case.is_none());
    if whole && way == Way::Direct {
        problems.extend(record.unmet(&deviations));
    }
    counts.failed += problems.len() as u64;
    if !problems.is_empty() {
        let what = if way == Way::Direct { "the stand-in" } else { "the signer" };
        return Err(Error::Check(format!("{what} is not what they expect:\n  {}", problems.join("\n  "))));
    }
    if whole {
        record.write(workspace, way)?;
        docs::write(workspace)?;
    }
    Ok(())
}

/// What the suites need on this machine.
struct Tools {
    chromium: Option<PathBuf>,
    python: Option<PathBuf>,
    samples: PathBuf,
}

impl Tools {
    fn ensure(workspace: &Workspace, sdks: &[Sdk]) -> Result<Self> {
        let wants = |runner| sdks.iter().any(|sdk| sdk.runner == runner);
        if wants(Runner::Node) || wants(Runner::Browser) {
            npm::ensure_packages(&workspace.conformance().join("npm"))?;
        }
        let samples = workspace.scratch("conformance").join("samples");
        samples::make(&samples)?;
        Ok(Self {
            chromium: wants(Runner::Browser).then(|| browser::ensure(browser::CHROMIUM)).transpose()?,
            python: wants(Runner::Python).then(|| python::ensure(workspace)).transpose()?,
            samples,
        })
    }

    /// Runs the cases of one SDK. That cases failed is no failure of this: the report says so.
    fn run(
        &self,
        workspace: &Workspace,
        sdk: Sdk,
        (standins, signers): (&standins::Standins, Option<&signers::Signers>),
        folder: &std::path::Path,
        options: &Options,
    ) -> Result<report::Report> {
        let program = match (&self.python, sdk.runner) {
            (Some(python), Runner::Python) => python.clone(),
            _ => PathBuf::from("node"),
        };
        let written = folder.join("report.json");
        let script = workspace.conformance().join(sdk.script);
        let mut suite = Run::new(format!("the cases of {}", sdk.name), program)
            .arg(&script)
            .dir(script.parent().unwrap_or(&script))
            .env("UPDOCK_STANDINS", standins.addresses())
            .env("UPDOCK_SAMPLES", &self.samples)
            .env("UPDOCK_REPORT", &written)
            // The SDKs read these themselves; a developer's own must not reach the tests.
            .env("UPLOADCARE_PUBLIC_KEY", "demopublickey")
            .env("UPLOADCARE_SECRET_KEY", "demosecretkey")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("UPDOCK_CHROMIUM_FLAGS", browser::flags().join(" "));
        if let Some(signers) = signers {
            suite = suite.env("UPDOCK_REST", signers.addresses()).env("UPDOCK_AGENT_KEYS", signers.keys());
        }
        if let Some(chromium) = &self.chromium {
            suite = suite.env("UPDOCK_CHROMIUM", chromium);
        }
        if let Some(case) = &options.case {
            suite = suite.env("UPDOCK_ONLY", case);
        }
        if options.verbose {
            suite = suite.env("UPDOCK_VERBOSE", "1");
        }
        let _ = fs::remove_file(&written);
        suite.shown()?;
        let json = fs::read_to_string(&written).doing_at("read", &written)?;
        let report: report::Report = serde_json::from_str(&json)
            .map_err(|error| Error::Check(format!("the report on {} cannot be read: {error}", sdk.name)))?;
        Ok(report::Report { peer: sdk.name.into(), ..report })
    }
}
