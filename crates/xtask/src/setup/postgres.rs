//! A PostgreSQL server for tests: the one that `DATABASE_URL` names, or Debian's, on a free port, in a folder of its own,
//! as a user without rights. Gone when dropped.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::{State, debian};
use crate::error::{Doing, Error, Result};
use crate::process::{Run, on_path};

/// A running server.
#[derive(Debug)]
pub(crate) struct Postgres {
    url: String,
    /// Ours, to be stopped; nothing if `DATABASE_URL` named it.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    programs: PathBuf,
    folder: tempfile::TempDir,
}

/// Whether a server is there, or can be had.
pub(crate) fn state() -> State {
    if std::env::var_os("DATABASE_URL").is_some() {
        return State::There("as DATABASE_URL says".into());
    }
    match programs() {
        Some(programs) => State::There(programs.display().to_string()),
        None if debian::can_install() => State::CanSetUp("apt-get install postgresql".into()),
        None => State::Absent("install PostgreSQL 13 or later, or set DATABASE_URL".into()),
    }
}

impl Postgres {
    /// Starts one, setting up what is missing.
    pub(crate) fn start() -> Result<Self> {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return Ok(Self { url, own: None });
        }
        let programs = match (programs(), state()) {
            (Some(programs), _) => programs,
            (None, State::Absent(how)) => return Err(Error::Missing(format!("PostgreSQL is missing: {how}"))),
            (None, _) => {
                debian::install(&["postgresql"])?;
                programs()
                    .ok_or_else(|| Error::Missing("Debian's postgresql was installed and gave no initdb".into()))?
            }
        };
        let folder = tempfile::Builder::new().prefix("updock-pg").tempdir().doing("make a folder for PostgreSQL")?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).doing("find a free port")?.port();
        let own = Own { programs, folder };
        if is_root() {
            // PostgreSQL does not run as root.
            Run::new("giving PostgreSQL its folder", "chown").arg("postgres").arg(own.folder.path()).quiet()?;
        }
        own.run("initdb", ["-D".into(), own.data(), "-A".into(), "trust".into(), "-U".into(), "postgres".into()])?;
        // Tests kill signers, not this server: it need not wait for the disk.
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=400 -c fsync=off"
        );
        let log = own.folder.path().join("log").display().to_string();
        own.run(
            "pg_ctl",
            ["-D".into(), own.data(), "-w".into(), "-o".into(), options, "-l".into(), log, "start".into()],
        )?;
        Ok(Self { url: format!("postgres://postgres@127.0.0.1:{port}/postgres"), own: Some(own) })
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(own) = &self.own {
            let _ = own.run("pg_ctl", ["-D".into(), own.data(), "-m".into(), "immediate".into(), "stop".into()]);
        }
    }
}

impl Own {
    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run<const N: usize>(&self, program: &str, arguments: [String; N]) -> Result<()> {
        let path = self.programs.join(program);
        let run = if is_root() {
            Run::new(program, "runuser").args(["-u", "postgres", "--"]).arg(path)
        } else {
            Run::new(program, path)
        };
        run.args(arguments).dir(self.folder.path()).quiet()
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where `initdb` and `pg_ctl` are; Debian keeps them off the path, by version.
fn programs() -> Option<PathBuf> {
    if let Some(initdb) = on_path("initdb") {
        return initdb.parent().map(Path::to_owned);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest =
        versions.flatten().map(|entry| entry.path()).filter(|path| version(path).is_some()).max_by_key(version)?;
    Some(newest.join("bin")).filter(|bin| bin.join("initdb").exists())
}
