//! `e2e`: Playwright over a real Chromium and the real parts, all on this machine, and a few tests in other browsers.
//!
//! The parts are started here, on free ports, and their addresses given by environment. A small
//! control server lets a test take the stand-in away and bring it back.

use std::fs;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::demo;
use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::setup::{browser, npm};
use crate::stack::{Build, Plan, Ports, SignedUploads, Stack};
use crate::workspace::Workspace;

/// How to run them.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// Build nothing: take what was built last
    #[arg(long)]
    as_built: bool,
    /// Only take the demo's picture for the README, on a clean stand-in, into docs/
    #[arg(long)]
    update_readme_screenshot: bool,
    /// More for Playwright: a file, `-g NAME`, `--headed`, ...
    #[arg(last = true)]
    playwright: Vec<String>,
}

/// Sets up, builds, starts everything, and runs the tests.
pub(crate) fn run(workspace: &Workspace, options: &Options, on_line: impl FnMut(&str) + Send) -> Result<()> {
    if !options.as_built {
        demo::build(workspace)?;
    }
    npm::ensure_packages(&workspace.e2e())?;
    let chromium = browser::ensure(browser::CHROMIUM)?;
    let mut others = Vec::new();
    for program in [browser::FIREFOX, browser::WEBKIT_DRIVER, browser::XVFB] {
        others.extend(browser::ensure_if_possible(program)?);
    }
    let plan = Plan {
        ports: Ports::Free,
        build: Build::Dev,
        real: None,
        signer_secret: None,
        signed_uploads: SignedUploads::Required,
        connect: Vec::new(),
        folder: workspace.scratch("e2e"),
        keep: false,
        mounts: vec![("/e2e/", workspace.e2e().join("pages"))],
    };
    let runtime = demo::runtime()?;
    let (stack, control) = runtime.block_on(async {
        let stack = Stack::start(workspace, plan).await?;
        let control = TcpListener::bind(("127.0.0.1", 0)).await.doing("listen for the tests")?;
        Ok::<_, Error>((stack, control))
    })?;
    let address = control.local_addr().doing("ask for the control port")?;
    let mut test = Run::new("the browser tests", workspace.e2e().join("node_modules/.bin/playwright"))
        .arg("test")
        .args(options.update_readme_screenshot.then_some(["looks", "-g", "demo page"]).into_iter().flatten())
        .args(&options.playwright)
        .dir(workspace.e2e())
        .env("UPDOCK_CHROMIUM", chromium)
        .env("UPDOCK_CHROMIUM_FLAGS", browser::flags().join(" "))
        .env("UPDOCK_PAGE", stack.page())
        .env("UPDOCK_LOCAL", stack.local().unwrap_or_default())
        .env("UPDOCK_SIGNER", stack.signer())
        .env("UPDOCK_CONTROL", format!("http://{address}"));
    for (variable, program) in others {
        test = test.env(variable, program);
    }
    let shared: Shared = Arc::new(Mutex::new(Some(stack)));
    let router = Router::new()
        .route("/local/kill", post(kill_local))
        .route("/local/restart", post(restart_local))
        .with_state(Arc::clone(&shared));
    let server = runtime.spawn(async move { axum::serve(control, router).await });

    let tested = test.watched(on_line);
    runtime.block_on(async {
        server.abort();
        if let Some(stack) = shared.lock().await.take() {
            stack.stop().await;
        }
    });
    tested?;
    if options.update_readme_screenshot {
        let shot = workspace.e2e().join("results/screenshots/demo.png");
        let docs = workspace.root().join("docs");
        fs::create_dir_all(&docs).doing_at("make", &docs)?;
        fs::copy(&shot, docs.join("screenshot.png")).doing_at("copy", &shot)?;
    }
    Ok(())
}

type Shared = Arc<Mutex<Option<Stack>>>;

async fn kill_local(State(stack): State<Shared>) -> StatusCode {
    match stack.lock().await.as_mut() {
        Some(stack) => {
            stack.kill_local().await;
            StatusCode::NO_CONTENT
        }
        None => StatusCode::GONE,
    }
}

async fn restart_local(State(stack): State<Shared>) -> (StatusCode, String) {
    match stack.lock().await.as_mut() {
        Some(stack) => match stack.restart_local().await {
            Ok(()) => (StatusCode::NO_CONTENT, String::new()),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        None => (StatusCode::GONE, String::new()),
    }
}
