//! Agent keys beside those of the policy file: issued, derived, listed, revoked, over HTTP and by command.
//!
//! The policy file says what an agent may do, whichever key it comes with. A derived key has that narrowed once more,
//! and all that its parents were narrowed by: everything is looked up at each request, so a parent that ends takes its
//! children along, and a policy that gives less gives them less. Invariant: a key is stored as a digest, and told once.

pub mod cli;
mod held;
pub(crate) mod http;
mod list;
mod make;
mod narrowed;
pub(crate) mod standing;

pub use held::HeldKey;
