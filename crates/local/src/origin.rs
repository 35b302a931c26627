//! Where absolute links point to.

use crate::config::Config;
use http::{HeaderMap, header};
use std::net::SocketAddr;

/// The addresses that links in answers start with; none ends in `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origins {
    /// Of the APIs and of part URLs.
    pub(crate) own: String,
    /// Of the CDN.
    pub(crate) cdn: String,
}

impl Origins {
    /// `--public-url` where given; else the host that the client asked for, so that a page which knows the stand-in
    /// by another name gets links it can follow; else the address listened on.
    pub(crate) fn of(config: &Config, address: SocketAddr, headers: &HeaderMap) -> Self {
        let asked = || headers.get(header::HOST)?.to_str().ok().filter(|host| is_host(host));
        let own = config
            .public_url
            .clone()
            .or_else(|| asked().map(|host| format!("http://{host}")))
            .unwrap_or_else(|| format!("http://{address}"));
        let cdn = config.cdn_base.clone().unwrap_or_else(|| own.clone());
        Self { own, cdn }
    }
}

/// Nothing but a name or an address, and perhaps a port: a `Host` header is the client's word, and goes into links.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((v6, port)) if v6.parse::<std::net::Ipv6Addr>().is_ok() => ("v6", port),
            _ => return false,
        },
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let good_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    good_port && (1..=253).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn only_a_host_counts_as_one() {
        for host in ["localhost", "127.0.0.1:3000", "uploads.test:80", "[::1]:3000", "[::1]"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", "a/b", "a b", "a@b", "a:b", "a:1:2", "a:99999", "[::1", "[x]:1", "a\"><script>"] {
            assert!(!is_host(host), "{host}");
        }
    }
}
