//! The whole of Updock running on this machine: the stand-in, the signer, and a page.
//!
//! `demo`, `demo --check`, `e2e` and `bench` all start this, on fixed or on free ports. With real
//! keys the stand-in stays away and the page talks to Uploadcare itself.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::children::Child;
use crate::decisions::Decisions;
use crate::error::{Doing, Error, Result};
use crate::process::Run;
use crate::serve::{self, Config, Mount, Page};
use crate::workspace::Workspace;

/// A project's keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) public: String,
    pub(crate) secret: String,
}

impl Keys {
    /// Those of demos and tests. No secret: they open nothing but a stand-in.
    pub(crate) fn demo() -> Self {
        Self { public: "demopublickey".into(), secret: "demosecretkey".into() }
    }
}

/// Which ports to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    /// 4000 the page, 3000 the stand-in, 3001 the signer; a free one where one is taken.
    Known,
    /// Whatever is free.
    Free,
}

/// How the parts are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    Dev,
    Release,
}

/// Does the stand-in take uploads without a credential?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedUploads {
    Required,
    Off,
}

/// What to start, and how.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) ports: Ports,
    pub(crate) build: Build,
    /// The real service with these keys, instead of the stand-in.
    pub(crate) real: Option<Keys>,
    /// What the signer is told the secret is.
    pub(crate) signer_secret: Option<String>,
    pub(crate) signed_uploads: SignedUploads,
    /// Other origins that the page may talk to.
    pub(crate) connect: Vec<String>,
    /// Where it all keeps its files. Emptied before the start unless `keep`.
    pub(crate) folder: PathBuf,
    pub(crate) keep: bool,
    /// Folders to serve beside the widget and the demo page.
    pub(crate) mounts: Vec<Mount>,
}

/// Builds the stand-in and the signer.
pub(crate) fn build_parts(workspace: &Workspace, build: Build) -> Result<()> {
    Run::cargo("building updock-local and updock-signer")
        .args(["build", "--package", "updock-local", "--package", "updock-signer"])
        .args((build == Build::Release).then_some("--release"))
        .dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target())
        .shown()
}

/// The running parts. Dropping it kills them; `stop` asks them first.
#[derive(Debug)]
pub(crate) struct Stack {
    binaries: PathBuf,
    plan: Plan,
    local: Option<Child>,
    local_origin: Option<String>,
    signer: Child,
    page: JoinHandle<()>,
    page_origin: String,
    decisions: Decisions,
}

impl Stack {
    /// Starts everything and comes back when all parts answer.
    pub(crate) async fn start(workspace: &Workspace, plan: Plan) -> Result<Self> {
        let profile = if plan.build == Build::Release { "release" } else { "debug" };
        let binaries = workspace.target().join(profile);
        if !plan.keep {
            let _ = fs::remove_dir_all(&plan.folder);
        }
        fs::create_dir_all(&plan.folder).doing_at("make", &plan.folder)?;

        // The signer must know the page's origin, so the page takes its port first.
        let listener = listen(plan.ports, 4000).await?;
        let port = listener.local_addr().doing("ask for the page's port")?.port();
        let page_origin = format!("http://127.0.0.1:{port}");

        let local = match plan.real {
            Some(_) => None,
            None => Some(start_local(&binaries, &plan, &free_address(plan.ports, 3000).await).await?),
        };
        let local_origin = local.as_ref().map(|local| local.origin().to_owned());
        let decisions = Decisions::default();
        let signer = start_signer(&binaries, &plan, local_origin.as_deref(), port, &decisions).await?;

        let page = Page {
            mounts: plan
                .mounts
                .iter()
                .cloned()
                .chain([("/updock/", workspace.dist()), ("/", workspace.demo())])
                .collect(),
            config: config(&plan, local_origin.as_deref(), signer.origin()),
            connect: plan.connect.iter().cloned().chain(plan.real.as_ref().map(|_| REAL_STORAGE.into())).collect(),
            decisions: decisions.clone(),
        };
        let router = serve::router(page);
        let page = tokio::spawn(async move {
            // Runs until it is aborted; a lost listener would show in every test.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { binaries, plan, local, local_origin, signer, page, page_origin, decisions })
    }

    pub(crate) fn page(&self) -> &str {
        &self.page_origin
    }

    /// The stand-in's origin; nothing when the real service is used.
    pub(crate) fn local(&self) -> Option<&str> {
        self.local_origin.as_deref()
    }

    pub(crate) fn signer(&self) -> &str {
        self.signer.origin()
    }

    pub(crate) fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// For measuring the stand-in's memory.
    pub(crate) fn local_pid(&self) -> Option<u32> {
        self.local.as_ref().and_then(Child::pid)
    }

    /// Comes back only when a part has ended by itself.
    pub(crate) async fn broken(&mut self) -> Error {
        match &mut self.local {
            Some(local) => tokio::select! {
                error = local.ended() => error,
                error = self.signer.ended() => error,
            },
            None => self.signer.ended().await,
        }
    }

    /// Takes the stand-in away as a power cut would.
    pub(crate) async fn kill_local(&mut self) {
        if let Some(local) = self.local.take() {
            local.kill().await;
        }
    }

    /// Brings it back where it was, with the files it had.
    pub(crate) async fn restart_local(&mut self) -> Result<()> {
        if self.local.is_none()
            && let Some(address) = self.local_origin.as_deref().and_then(|origin| origin.strip_prefix("http://"))
        {
            self.local = Some(start_local(&self.binaries, &self.plan, address).await?);
        }
        Ok(())
    }

    /// Stops everything, and comes back when nothing runs any more.
    pub(crate) async fn stop(self) {
        self.page.abort();
        self.signer.stop().await;
        if let Some(local) = self.local {
            local.stop().await;
        }
    }
}

/// Where the real service takes the parts of a large file. Source: Upload API, multipart upload.
const REAL_STORAGE: &str = "https://uploadcare.s3-accelerate.amazonaws.com";

fn config(plan: &Plan, local: Option<&str>, signer: &str) -> Config {
    let keys = plan.real.clone().unwrap_or_else(Keys::demo);
    Config {
        public_key: keys.public,
        upload_base_url: local.unwrap_or("https://upload.uploadcare.com").into(),
        cdn_base_url: local.unwrap_or("https://ucarecdn.com").into(),
        signer_url: signer.into(),
        stored_url: local.map(|local| format!("{local}/_local/files")),
    }
}

async fn listen(ports: Ports, known: u16) -> Result<TcpListener> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    if ports == Ports::Known
        && let Ok(listener) = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], known))).await
    {
        return Ok(listener);
    }
    TcpListener::bind(any).await.doing("listen on a free port")
}

/// An address for a child: port 0 when the known one is taken, and the child says which it got.
async fn free_address(ports: Ports, known: u16) -> String {
    let is_free = ports == Ports::Known && TcpListener::bind(("127.0.0.1", known)).await.is_ok();
    format!("127.0.0.1:{}", if is_free { known } else { 0 })
}

async fn start_local(binaries: &Path, plan: &Plan, address: &str) -> Result<Child> {
    let keys = Keys::demo();
    let signed = match plan.signed_uploads {
        SignedUploads::Required => "required",
        SignedUploads::Off => "off",
    };
    let args = ["serve", "--listen", address, "--signed-uploads", signed, "--data-dir"].map(String::from);
    let data = plan.folder.join("local").display().to_string();
    let envs = [("UPLOADCARE_PUBLIC_KEY", keys.public), (SECRET_VARIABLE, keys.secret)];
    let args: Vec<String> = args.into_iter().chain([data]).collect();
    Child::start(&binaries.join("updock-local"), &args, &envs, &plan.folder.join("updock-local.log"), |_| ()).await
}

async fn start_signer(
    binaries: &Path,
    plan: &Plan,
    local: Option<&str>,
    page_port: u16,
    decisions: &Decisions,
) -> Result<Child> {
    let keys = plan.real.clone().unwrap_or_else(Keys::demo);
    let secret = plan.signer_secret.clone().unwrap_or(keys.secret);
    let policy = plan.folder.join("signer.toml");
    let text = signer_policy(&keys.public, local, page_port);
    write_policy(&policy, &text)?;

    let address = free_address(plan.ports, 3001).await;
    let args = ["serve".into(), "--config".into(), policy.display().to_string(), "--listen".into(), address];
    let decisions = decisions.clone();
    let log = plan.folder.join("updock-signer.log");
    let envs = [(SECRET_VARIABLE, secret)];
    Child::start(&binaries.join("updock-signer"), &args, &envs, &log, move |line| decisions.push(line)).await
}

/// Writes a policy file as the signer takes it: nobody else on this machine may write there, whatever the umask says.
pub(crate) fn write_policy(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).doing_at("write", path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).doing_at("set the mode of", path)?;
    }
    Ok(())
}

/// Where the signer finds the secret key: never a file, which would stay behind.
const SECRET_VARIABLE: &str = "UPLOADCARE_SECRET_KEY";

/// The policy of the demo: visitors of this one page may upload, and nobody may do anything else.
/// The rate is generous, since the browser tests are one visitor in a hurry.
fn signer_policy(public_key: &str, local: Option<&str>, page_port: u16) -> String {
    let upstream = local.map_or_else(String::new, |local| {
        format!("\n[upstream] # the stand-in, on this machine\nrest = {local:?}\nplain_http = true\n")
    });
    format!(
        r#"# Written by `cargo xtask` at each start.
version = 1

[project]
public_key = {public_key:?}
secret = {{ env = {SECRET_VARIABLE:?} }}
{upstream}
[uploads.visitors]
origins = ["http://127.0.0.1:{page_port}", "http://localhost:{page_port}"]
rate = "50/s burst 500"
store = true
"#
    )
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_policy_is_written_as_the_signer_takes_it_whatever_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy.toml");
        fs::write(&policy, "old").unwrap();
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o666)).unwrap();
        write_policy(&policy, "new").unwrap();
        assert_eq!(fs::read_to_string(&policy).unwrap(), "new");
        assert_eq!(fs::metadata(&policy).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
