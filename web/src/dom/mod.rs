//! The widget's inside is built with this: elements, and what keeps them up to date, on Leptos' reactive graph.
//!
//! Everything is type-erased on purpose. `view!` makes its own copy of the rendering code for each closure and view
//! type: measured, 8 KB of download a component; through this layer, 1 KB. So closures come boxed, nothing here is
//! generic but [`Watched`], and the whole program has one type of effect ([`RenderEffect<()>`]) and one of listener.
//!
//! Invariant: the DOM is only touched through `createElement`, `setAttribute`, `textContent` and properties, never
//! `innerHTML`, so it works under Trusted Types and a strict content security policy by construction.
//!
//! [`RenderEffect<()>`]: reactive_graph::effect::RenderEffect

mod element;
mod list;
mod scope;
mod watched;

pub use element::El;
pub use list::Make;
pub use scope::{Handler, Scope};
pub use watched::Watched;
