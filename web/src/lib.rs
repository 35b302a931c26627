//! The Updock upload widget: a Leptos component (`UpDock`) and, with the feature `element`, the wasm side of the
//! custom element `<up-dock>`.
//!
//! The engine (`updock-engine`) decides; [`driver`] does what it asks in a browser; [`ui`] shows what it says, built
//! with [`dom`] on Leptos' reactive graph. Files go straight from the browser to the Upload API.
#![warn(missing_docs)]

#[cfg(feature = "component")]
pub mod dock;
pub mod dom;
pub mod driver;
#[cfg(feature = "element")]
mod element;
mod options;
pub mod ui;

#[cfg(feature = "component")]
pub use dock::{UpDock, UpDockProps};
pub use options::{Density, Options};
