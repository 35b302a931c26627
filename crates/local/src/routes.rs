//! Where a path leads. The routes of both APIs are read from the operation table; a row without behaviour does not
//! compile, because [`crate::upload::run`] and [`crate::rest::run`] match every operation.

use crate::cdn;
use std::sync::LazyLock;
use updock_types::{Api, Method, OPERATIONS, Operation};

/// A path of the table and all operations on it.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) api: Api,
    pub(crate) operations: Vec<&'static Operation>,
}

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let mut routes: Vec<Route> = Vec::new();
    for operation in OPERATIONS {
        match routes.iter_mut().find(|route| route.path == operation.path) {
            Some(route) => route.operations.push(operation),
            None => {
                routes.push(Route { path: operation.path, api: operation.api, operations: vec![operation] });
            }
        }
    }
    // `/webhooks/unsubscribe/` before `/webhooks/{id}/`.
    routes.sort_by_key(|route| route.path.contains('{'));
    routes
});

impl Route {
    /// The operation that this method asks for; `HEAD` counts as `GET`.
    pub(crate) fn operation(&self, method: &http::Method) -> Option<&'static Operation> {
        let method = if *method == http::Method::HEAD { "GET" } else { method.as_str() };
        self.operations.iter().copied().find(|operation| operation.method.as_str() == method)
    }

    /// What `Allow` says. For two paths the service advertises what it no longer documents.
    pub(crate) fn allowed(&self) -> String {
        match self.path {
            "/files/{uuid}/" => return "DELETE, GET, HEAD, OPTIONS".to_owned(),
            "/files/{uuid}/storage/" => return "DELETE, GET, HEAD, OPTIONS, POST, PUT".to_owned(),
            _ => {}
        }
        let mut methods: Vec<&str> = self.operations.iter().map(|operation| operation.method.as_str()).collect();
        if methods.contains(&Method::Get.as_str()) {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        methods.join(", ")
    }

    /// Does `path` fit? Then with what stands for the parameters.
    fn fits(&self, path: &str) -> Option<Parameters> {
        let mut found = Vec::new();
        let (mut have, mut want) = (path.split('/'), self.path.split('/'));
        loop {
            match (have.next(), want.next()) {
                (None, None) => return Some(Parameters(found)),
                (Some(have), Some(want)) if want.starts_with('{') && !have.is_empty() => found.push(have.to_owned()),
                (Some(have), Some(want)) if have == want => {}
                _ => return None,
            }
        }
    }
}

/// What stands for the `{...}` of a path, in order, still percent-encoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<String>);

impl Parameters {
    /// The first; empty when the path has none.
    pub(crate) fn first(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The second; empty when the path has only one.
    pub(crate) fn second(&self) -> &str {
        self.0.get(1).map_or("", String::as_str)
    }
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Place {
    /// `/_local/...`.
    Control,
    Upload(&'static Route),
    Rest(&'static Route, Parameters),
    /// A path of the REST API without its final slash; this is the right one.
    RestWithoutSlash(String),
    /// `/<uuid>/` or `/<uuid>/<name>`: an original for GET, a part for PUT.
    Blob,
    /// CDN operations, group pages.
    CdnOther,
    Nowhere,
}

/// Finds the place of a path. Paths of the Upload API are taken with slashes repeated or missing at the end, as the
/// service takes them; paths of the REST API are not.
pub(crate) fn find(path: &str) -> Place {
    if path.starts_with("/_local/") || path == "/_local" {
        return Place::Control;
    }
    if let Some((_, rest)) = cdn::path(path) {
        return if rest.contains('/') { Place::CdnOther } else { Place::Blob };
    }
    if path.split('/').nth(1).is_some_and(|first| first.contains('~')) {
        return Place::CdnOther;
    }
    let collapsed = collapse(path);
    let routes = || ROUTES.iter();
    if let Some(route) = routes().find(|route| route.api == Api::Upload && route.path == collapsed) {
        return Place::Upload(route);
    }
    let rest = |path: &str| {
        let mut fitting = routes().filter(|route| route.api == Api::Rest);
        fitting.find_map(|route| Some((route, route.fits(path)?)))
    };
    if let Some((route, parameter)) = rest(path) {
        return Place::Rest(route, parameter);
    }
    let slashed = format!("{path}/");
    if rest(&slashed).is_some() { Place::RestWithoutSlash(slashed) } else { Place::Nowhere }
}

fn collapse(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    format!("/{}/", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_reached_by_its_path_and_method() {
        for operation in OPERATIONS {
            let file = "17be4678-dab7-4bc7-8753-28914a22960a";
            let path = operation.path.replace("{uuid}", file).replace("{group}", &format!("{file}~2"));
            let path = path.replace("{key}", "pet").replace("{token}", "7").replace("{id}", "7");
            let method: http::Method = operation.method.as_str().parse().unwrap();
            let found = match find(&path) {
                Place::Upload(route) | Place::Rest(route, _) => route.operation(&method),
                other => panic!("{path} leads to {other:?}"),
            };
            assert_eq!(found, Some(operation));
        }
    }

    #[test]
    fn slashes_are_forgiven_where_the_service_forgives_them() {
        for path in ["/group/", "/group", "/group//", "//group"] {
            assert!(matches!(find(path), Place::Upload(route) if route.path == "/group/"), "{path}");
        }
        assert!(matches!(find("/project"), Place::RestWithoutSlash(path) if path == "/project/"));
        assert!(matches!(find("/files/nonexistent/"), Place::Rest(_, id) if id.first() == "nonexistent"));
        for path in
            ["/files//", "//files/", "/files/a/b/", "/", "", "/nope/", "/17be4678-dab7-4bc7-8753-28914a22960ax/"]
        {
            assert!(matches!(find(path), Place::Nowhere), "{path} leads to {:?}", find(path));
        }
        for path in ["/17be4678-dab7-4bc7-8753-28914a22960a", "/17be4678-dab7-4bc7-8753-28914a22960a/cat.jpg"] {
            assert!(matches!(find(path), Place::Blob), "{path}");
        }
        assert!(matches!(find("/17be4678-dab7-4bc7-8753-28914a22960a/-/preview/"), Place::CdnOther));
        assert!(matches!(find("/17be4678-dab7-4bc7-8753-28914a22960a~2/"), Place::CdnOther));
    }
}
