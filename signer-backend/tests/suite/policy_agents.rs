//! Agents in the policy file: what they may be called, what they come with, and what they get of what there is.

use crate::policy_file::{DIGEST, PROJECT, agent, keyed, parse_in, refusal};
use std::path::Path;
use updock_sign::ScopeItem;
use updock_signer::policy::Policy;

const TOKENS: &str = "[tokens]\nissuer = \"i\"\naudience = \"a\"\njwks = \"https://keys.example.com/\"\n";

fn read(text: &str) -> Policy {
    parse_in(Path::new("."), text).unwrap_or_else(|error| panic!("{text}\n--- told: {error}"))
}

fn warnings(text: &str) -> String {
    read(text).warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_name_of_an_agent_reads_as_one_in_a_sentence() {
    let named = |name: &str| {
        format!("{PROJECT}[agents.media]\nname = \"{name}\"\nkeys = [{{ sha256 = \"{DIGEST}\" }}]\nfiles = \"read\"\n")
    };
    for name in ["M", &"\u{e4}".repeat(64), "Q&A (v2), #1/a_b-c's", "7"] {
        assert_eq!(read(&named(name)).agents[0].name, name);
    }
    for name in ["", &"m".repeat(65), " Media", "Media ", "Media: all", "\u{201c}Media\u{201d}", "a;b", "a\\tb"] {
        let told = refusal(&named(name));
        assert!(told.contains("line 6: an agent's name has 1 to 64 letters, digits and simple marks"), "{told}");
    }
}

#[test]
fn the_id_of_an_agent_or_a_role_is_short_plain_and_no_visitors() {
    let (longest, longer) = ("a".repeat(40), "a".repeat(41));
    for (id, good) in [
        ("a", true),
        ("0-9", true),
        ("visitors", true),
        (&longest, true),
        (&longer, false),
        ("\"\"", false),
        ("visitor", false),
        ("Media", false),
        ("a_b", false),
        ("\"a.b\"", false),
    ] {
        let agent =
            format!("{PROJECT}[agents.{id}]\nname = \"M\"\nkeys = [{{ sha256 = \"{DIGEST}\" }}]\nfiles = \"read\"\n");
        let role = keyed(&format!("files = \"read\"\n[roles.{id}]\nfiles = \"read\""));
        for (text, whose) in [(agent, "an agent's id"), (role, "a role's id")] {
            let told = parse_in(Path::new("."), &text).map(drop).map_err(|error| error.to_string());
            let expected = format!("{whose} has 1 to 40 small letters, digits and hyphens, and is not `visitor`");
            assert_eq!(told.is_ok(), good, "{id}: {told:?}");
            assert!(told.err().is_none_or(|told| told.contains(&expected)), "{id}");
        }
    }
}

#[test]
fn an_agent_without_any_way_to_call_is_refused_and_one_with_issued_keys_only_is_pointed_out() {
    let issued = Some("the agent media has no key in this file, and comes with issued ones only");
    for (text, tokens, told) in [
        (keyed("files = \"read\""), false, None),
        (keyed("files = \"read\"\ntokens = false"), false, None),
        (keyed(&format!("files = \"read\"\ntokens = true\n{TOKENS}")), true, None),
        (agent(&format!("files = \"read\"\ntokens = true\n{TOKENS}")), true, None),
        (keyed(&format!("files = \"read\"\n{TOKENS}")), false, None),
        (agent("files = \"read\""), false, issued),
        (agent(&format!("files = \"read\"\n{TOKENS}")), false, issued),
    ] {
        assert_eq!(read(&text).agents[0].tokens, tokens, "{text}");
        let warnings = warnings(&text);
        match told {
            Some(told) => assert!(warnings.starts_with("line 6: ") && warnings.contains(told), "{text}: {warnings}"),
            None => assert_eq!(warnings, "", "{text}"),
        }
    }
    for (text, told) in [
        (agent(&format!("keys = []\nfiles = \"read\"\ntokens = true\n{TOKENS}")), "has an empty list of keys"),
        (agent(&format!("files = \"read\"\ntokens = false\n{TOKENS}")), "has neither key nor token"),
        (keyed("files = \"read\"\ntokens = true"), "no section [tokens] says whose tokens are good"),
    ] {
        let refused = refusal(&text);
        assert!(refused.contains(told), "{text}: {refused}");
    }
}

#[test]
fn a_key_is_known_by_its_id_or_else_by_one_of_its_digest() {
    let of_digest =
        read(&agent(&format!("keys = [{{ sha256 = \"{DIGEST}\" }}]\nfiles = \"read\""))).agents[0].keys[0].id.clone();
    for (id, kept) in [("0123456789", true), ("short", false), ("", false), ("01234 6789", false)] {
        let text = agent(&format!("keys = [{{ id = \"{id}\", sha256 = \"{DIGEST}\" }}]\nfiles = \"read\""));
        if kept {
            let stored = &read(&text).agents[0].keys[0];
            assert_eq!((stored.id.to_string().as_str(), stored.id == of_digest), (id, false));
            continue;
        }
        let told = refusal(&text);
        assert!(told.contains("line 7: a key's id has 10 letters and digits"), "{told}");
    }
}

#[test]
fn what_an_agent_gets_of_the_credentials_is_never_more_than_all_get() {
    // Life, files, may it be a signature, and which endpoints, where they are not those of all.
    for (all, own, expected) in [
        ("", "", (600, 100, true, None)),
        ("ttl_max = \"5m\"\noperations_max = 7", "", (300, 7, true, None)),
        ("ttl_max = \"5m\"", "ttl_max = \"1m\"", (60, 100, true, None)),
        ("ttl_max = \"5m\"", "ttl_max = \"10m\"", (300, 100, true, None)),
        // What is left out is what all get, not what there would be if nothing were written.
        ("ttl_max = \"1h\"", "signature = true", (3600, 100, true, None)),
        ("ttl_max = \"1h\"\noperations_max = 1000", "ttl_max = \"2h\"", (3600, 1000, true, None)),
        ("operations_max = 1000", "operations_max = 500", (600, 500, false, None)),
        ("operations_max = 7", "operations_max = 500", (600, 7, false, None)),
        ("", "signature = false", (600, 100, false, None)),
        ("", "operations_max = 5, signature = false", (600, 5, false, None)),
        ("", "scope = [\"/base/\"]", (600, 100, false, Some(&["/base/"][..]))),
        (
            "",
            "scope = [\"/multipart/start/\", \"/group/\"]",
            (600, 100, false, Some(&["/multipart/start/", "/group/"])),
        ),
    ] {
        let limits = format!("limits = {{ upload_credential = {{ {own} }} }}");
        let text = keyed(&format!("uploads = \"write\"\n{limits}\n[uploads.agents]\n{all}"));
        let terms = &read(&text).agents[0].terms;
        let scope: Vec<_> = terms.scope.iter().map(ScopeItem::as_str).collect();
        let expected_scope = expected.3.unwrap_or(&["/base/", "/multipart/*", "/group/"]);
        assert_eq!(
            (terms.ttl_max, terms.operations_max, terms.signature),
            (expected.0, expected.1, expected.2),
            "{text}"
        );
        assert_eq!(scope, expected_scope, "{text}");
    }
    for (own, told) in [
        ("scope = []", "line 9: a credential that opens nothing is of no use"),
        ("scope = [\"/*\"]", "line 9: limits narrow only; a credential opens /base/, /multipart/*, /group/"),
        ("scope = [\"/base/\", \"/from_url/\"]", "line 9: limits narrow only"),
        ("scope = [\"/base/\"], signature = true", "line 9: a signature holds to neither operations_max nor scope"),
        ("operations_max = 5, signature = true", "line 9: a signature holds to neither operations_max nor scope"),
    ] {
        let refused = refusal(&keyed(&format!("uploads = \"write\"\nlimits = {{ upload_credential = {{ {own} }} }}")));
        assert!(refused.contains(told), "{own}: {refused}");
    }
}

#[test]
fn an_agents_own_rate_comes_before_that_of_all() {
    let default = "[defaults]\nrate = \"5/s\"";
    for (own, default, expected) in [
        ("", "", None),
        ("", default, Some("5/s")),
        ("rate = \"2/m\"", default, Some("2/m")),
        ("rate = \"2/m\"", "", Some("2/m")),
    ] {
        let rate = read(&keyed(&format!("files = \"read\"\n{own}\n{default}"))).agents[0].rate;
        assert_eq!(rate, expected.map(|rate| rate.parse().unwrap()), "{own} {default}");
    }
}
