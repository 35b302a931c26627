//! Debian's packages, where this machine is a Debian and we may install on it.

use std::path::Path;

use crate::error::Result;
use crate::process::{Run, on_path};

/// Whether `install` can work here: Debian or a child of it, as root.
pub(crate) fn can_install() -> bool {
    Path::new("/etc/debian_version").exists() && on_path("apt-get").is_some() && rustix::process::geteuid().is_root()
}

/// Installs packages without their recommendations. Repeating it is harmless.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    super::announce(&format!("installing Debian's {}", packages.join(", ")));
    Run::new("apt-get update", "apt-get").args(["update", "-qq"]).quiet()?;
    Run::new("apt-get install", "apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .quiet()
}
