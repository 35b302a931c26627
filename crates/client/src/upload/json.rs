//! JSON documents as the engine's readers see them.

use serde_json::Value;
use updock_types::fields::Fields;

pub(crate) struct Json(pub(crate) Value);

impl Json {
    fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.0, |value, key| value.get(key))
    }
}

impl Fields for Json {
    fn text(&self, path: &[&str]) -> Option<String> {
        self.at(path)?.as_str().map(str::to_owned)
    }

    fn number(&self, path: &[&str]) -> Option<f64> {
        self.at(path)?.as_f64()
    }

    fn flag(&self, path: &[&str]) -> Option<bool> {
        self.at(path)?.as_bool()
    }

    fn texts(&self, path: &[&str]) -> Option<Vec<String>> {
        self.at(path)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
    }
}
