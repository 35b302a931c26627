//! The widget's inside is built with this: trees of elements, and what keeps them up to date, on Leptos' reactive graph.
//!
//! Everything is type-erased on purpose. `view!` makes its own copy of the rendering code for each closure and view
//! type: measured, 8 KB of download a component. Here nothing is generic but [`Watched`], the whole program has one type
//! of effect ([`Scope::effect`]) and one of callback ([`Told`]), and what stands still in a tree is a text (`dom.js`).
//!
//! Invariant: the DOM is only touched through `createElement`, `setAttribute`, `textContent` and properties, never
//! `innerHTML`, so it works under Trusted Types and a strict content security policy by construction.

mod effect;
mod port;
mod scope;
mod tree;
mod watched;

pub use port::{Port, Told};
pub use scope::Scope;
pub use tree::{Each, Tree};
pub use watched::Watched;
