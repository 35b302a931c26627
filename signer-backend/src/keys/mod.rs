//! Agent keys beside those of the policy file: which are good, and how they end.

pub mod cli;
pub(crate) mod standing;
