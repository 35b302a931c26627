//! Every developer command, one place.
fn main() {}
