//! Keeps this process to itself: it holds the project's secret key.

/// From now on a crash leaves no core file, and other processes of the same user can neither read its memory nor its
/// environment. What the system does not grant is told in the log and stops nothing.
#[cfg(target_os = "linux")]
pub fn keep_to_itself() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let kept = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = kept {
        tracing::warn!(%error, "a crash of this process may leave its memory behind");
    }
}

/// Other systems have no such switch that we know of.
#[cfg(not(target_os = "linux"))]
pub fn keep_to_itself() {}
