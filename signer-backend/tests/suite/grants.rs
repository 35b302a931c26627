//! What narrows an agent beside its levels: lists of operations, limits, rates, quotas, ends and networks; asked over
//! the wire.

use crate::stage::{PNG, Setup, Stage, agent, bearer};
use http_body_util::BodyExt;
use std::sync::Arc;
use tower::ServiceExt;
use updock_signer::decision::{Narrowing, Rule, Scope, Verdict};
use updock_signer::key::AgentKey;
use updock_signer::policy::Policy;

struct Case {
    name: &'static str,
    /// What stands in the agent's section.
    section: &'static str,
    /// Asked in order; the last counts.
    requests: &'static [(&'static str, &'static str, &'static str)],
    /// Status, and what the problem says is missing.
    expected: (u16, Option<&'static str>),
    /// In the sentence of the last record.
    told: &'static str,
}

const FILES: &str = "/v1/uploadcare/files/";
const HOOK: &str = "{\"target_url\":\"https://hooks.example.com/files/a\",\"event\":\"file.uploaded\"}";
const FOREIGN_HOOK: &str = "{\"target_url\":\"https://evil.test/files/a\",\"event\":\"file.uploaded\"}";

const COPY: &str = "{\"source\":\"{file}\",\"target\":\"archive\"}";
const PUBLIC_COPY: &str = "{\"source\":\"{file}\",\"target\":\"archive\",\"make_public\":\"true\"}";

const CASES: &[Case] = &[
    Case {
        name: "a listed operation is allowed",
        section: "files = \"full\"\nonly = [\"files.list\"]",
        requests: &[("GET", FILES, "")],
        expected: (200, None),
        told: "Allowed: this agent has full access to files.",
    },
    Case {
        name: "an operation that is not listed is refused, whatever the level",
        section: "files = \"full\"\nonly = [\"files.list\", \"groups\"]",
        requests: &[("DELETE", "/v1/uploadcare/files/{file}/storage/", "")],
        expected: (403, Some("only: files.delete")),
        told: "Refused: this agent is held to a list of operations, and this is not on it.",
    },
    Case {
        name: "a list does not widen a level",
        section: "files = \"read\"\nonly = [\"files.delete\"]",
        requests: &[("DELETE", "/v1/uploadcare/files/{file}/storage/", "")],
        expected: (403, Some("files: full")),
        told: "Refused: this agent has read access to files, and this needs full access.",
    },
    Case {
        name: "a role grants what it says",
        section: "roles = [\"reader\"]",
        requests: &[("GET", FILES, "")],
        expected: (200, None),
        told: "Allowed: this agent has read access to files.",
    },
    Case {
        name: "a role does not take away what the agent has",
        section: "files = \"write\"\nroles = [\"reader\"]",
        requests: &[("PUT", "/v1/uploadcare/files/{file}/storage/", "")],
        expected: (200, None),
        told: "this agent has write access to files",
    },
    Case {
        name: "a role grants nothing else",
        section: "roles = [\"reader\"]",
        requests: &[("GET", "/v1/uploadcare/project/", "")],
        expected: (403, Some("project: read")),
        told: "Refused: this agent has no access to project",
    },
    Case {
        name: "a batch within the limit is allowed",
        section: "files = \"write\"\nlimits = { batch_max = 1 }",
        requests: &[("PUT", "/v1/uploadcare/files/storage/", "[\"{file}\"]")],
        expected: (200, None),
        told: "Allowed",
    },
    Case {
        name: "a batch beyond the limit is refused",
        section: "files = \"write\"\nlimits = { batch_max = 1 }",
        requests: &[("PUT", "/v1/uploadcare/files/storage/", "[\"{file}\",\"{file}\"]")],
        expected: (403, Some("limits.batch_max: 2")),
        told: "Refused: this agent may name 1 file in one request, and this names 2.",
    },
    Case {
        name: "a webhook to a listed address is made",
        section: "webhooks = \"full\"\nlimits = { webhook_targets = [\"https://hooks.example.com/files/\"] }",
        requests: &[("POST", "/v1/uploadcare/webhooks/", HOOK)],
        expected: (201, None),
        told: "Allowed",
    },
    Case {
        name: "threat 16: a webhook to anywhere else is refused",
        section: "webhooks = \"full\"\nlimits = { webhook_targets = [\"https://hooks.example.com/files/\"] }",
        requests: &[("POST", "/v1/uploadcare/webhooks/", FOREIGN_HOOK)],
        expected: (403, Some("limits.webhook_targets")),
        told: "Refused: this agent may send webhooks to listed addresses only.",
    },
    Case {
        name: "threat 16: nor is one turned there",
        section: "webhooks = \"full\"\nlimits = { webhook_targets = [\"https://hooks.example.com/files/\"] }",
        requests: &[("PUT", "/v1/uploadcare/webhooks/7/", "{\"target_url\":\"https://evil.test/\"}")],
        expected: (403, Some("limits.webhook_targets")),
        told: "Refused",
    },
    Case {
        name: "threat 17: a copy out of the project goes to a listed storage only",
        section: "files = \"full\"\nlimits = { copy_targets = [\"archive\"] }",
        requests: &[("POST", "/v1/uploadcare/files/remote_copy/", "{\"source\":\"{file}\",\"target\":\"elsewhere\"}")],
        expected: (403, Some("limits.copy_targets")),
        told: "Refused: this agent may copy to listed storages only.",
    },
    Case {
        name: "threat 17: a copy is not for everybody where that is limited",
        section: "files = \"full\"\nlimits = { make_public = false }",
        requests: &[("POST", "/v1/uploadcare/files/remote_copy/", PUBLIC_COPY)],
        expected: (403, Some("limits.make_public")),
        told: "Refused: this agent may make no copy that everybody can read.",
    },
    Case {
        name: "a copy that says nothing of readers is for nobody new",
        section: "files = \"full\"\nlimits = { make_public = false }",
        requests: &[("POST", "/v1/uploadcare/files/remote_copy/", COPY)],
        // The stand-in has no such storage: it was asked.
        expected: (400, None),
        told: "Allowed: this agent has full access to files.",
    },
    Case {
        name: "without the limit full access makes copies for everybody",
        section: "files = \"full\"\nlimits = { make_public = true }",
        requests: &[("POST", "/v1/uploadcare/files/remote_copy/", PUBLIC_COPY)],
        expected: (400, None),
        told: "Allowed: this agent has full access to files.",
    },
    Case {
        name: "a rate of one operation is counted by itself",
        section: "files = \"read\"\nrates = { \"files.list\" = \"1/h\" }",
        requests: &[("GET", FILES, ""), ("GET", FILES, "")],
        expected: (429, None),
        told: "Refused: Too many requests from this agent for files.list",
    },
    Case {
        name: "and does not hold up another",
        section: "files = \"read\"\nrates = { \"files.list\" = \"1/h\" }",
        requests: &[("GET", FILES, ""), ("GET", FILES, ""), ("GET", "/v1/uploadcare/files/{file}/", "")],
        expected: (200, None),
        told: "Allowed",
    },
    Case {
        name: "a rate of an area is shared by its operations",
        section: "files = \"read\"\nrates = { files = \"1/h\" }",
        requests: &[("GET", FILES, ""), ("GET", "/v1/uploadcare/files/{file}/", "")],
        expected: (429, None),
        told: "Refused: Too many requests from this agent for files;",
    },
    Case {
        name: "a batch spends a quota for each of its files",
        section: "files = \"write\"\nquota = { files = \"3/day\" }",
        requests: &[
            ("PUT", "/v1/uploadcare/files/storage/", "[\"{file}\",\"{file}\"]"),
            ("PUT", "/v1/uploadcare/files/storage/", "[\"{file}\",\"{file}\"]"),
        ],
        expected: (429, None),
        told: "The quota of 3 a day for files has 1 left, and this needs 2",
    },
    Case {
        name: "what one quota refuses costs no other",
        section: "files = \"read\"\nquota = { files = \"2/day\", \"files.list\" = \"1/day\" }",
        requests: &[
            ("GET", FILES, ""),
            ("GET", FILES, ""),
            ("GET", FILES, ""),
            ("GET", "/v1/uploadcare/files/{file}/", ""),
        ],
        expected: (200, None),
        told: "Allowed",
    },
    Case {
        name: "a confirmation spends a quota for each of its files",
        section: "uploads = \"write\"\nquota = { \"uploads.confirm\" = \"3/day\" }",
        requests: &[
            ("POST", "/v1/uploads/confirm", "{\"uuids\":[\"{file}\",\"{file}\"]}"),
            ("POST", "/v1/uploads/confirm", "{\"uuids\":[\"{file}\",\"{file}\"]}"),
        ],
        expected: (429, None),
        told: "The quota of 3 a day for uploads.confirm has 1 left, and this needs 2",
    },
    Case {
        name: "an agent whose time is over is unknown",
        section: "files = \"read\"\nexpires = 2020-01-01T00:00:00Z",
        requests: &[("GET", FILES, "")],
        expected: (401, None),
        told: "Refused: This agent key is not known here",
    },
    Case {
        name: "an agent in its network is let in",
        section: "files = \"read\"\nnetworks = [\"127.0.0.0/8\"]",
        requests: &[("GET", FILES, "")],
        expected: (200, None),
        told: "Allowed",
    },
    Case {
        name: "an agent from elsewhere is not",
        section: "files = \"read\"\nnetworks = [\"10.0.0.0/8\", \"fd00::/8\"]",
        requests: &[("GET", FILES, "")],
        expected: (403, None),
        told: "Refused: This agent may not call from this address",
    },
    Case {
        name: "an agent's credentials are held to its own limits",
        section: "uploads = \"write\"\nlimits = { upload_credential = { operations_max = 3, ttl_max = \"1m\" } }",
        requests: &[("POST", "/v1/upload-credentials", "{\"ttl\":600,\"operations\":50}")],
        expected: (200, None),
        told: "for up to 3 files, good for 1 minute",
    },
    Case {
        name: "and then no signature is made, which holds to none",
        section: "uploads = \"write\"\nlimits = { upload_credential = { operations_max = 3 } }",
        requests: &[("POST", "/v1/upload-credentials", "{\"kind\":\"signature\"}")],
        expected: (403, None),
        told: "An upload signature is not open to you",
    },
];

async fn stage(section: &str) -> (Stage, String) {
    let (key, section) = agent("media", section);
    let policy = format!("{section}[roles.reader]\nfiles = \"read\"\ngroups = \"read\"\n");
    (Setup::new(policy).start().await, key)
}

#[tokio::test]
async fn what_narrows_an_agent_is_held_and_said() {
    for Case { name, section, requests, expected, told } in CASES {
        let (stage, key) = stage(section).await;
        let file = stage.file("a.png", PNG).await.to_string();
        let mut last = None;
        for (method, target, body) in *requests {
            let reply = stage.ask(&key, method, &target.replace("{file}", &file), &body.replace("{file}", &file)).await;
            last = Some(reply);
        }
        let reply = last.unwrap();
        assert_eq!(reply.status.as_u16(), expected.0, "{name}: {:?}", reply.body);
        if expected.0 == 403 || expected.0 == 429 {
            assert_eq!(reply.problem().missing.as_deref(), expected.1, "{name}");
        }
        let sentences = stage.sentences();
        assert!(sentences.iter().any(|sentence| sentence.contains(told)), "{name}: {sentences:#?}");
    }
}

#[tokio::test]
async fn an_expired_key_looks_like_one_that_never_was() {
    let (good, over) = (AgentKey::generate(), AgentKey::generate());
    let policy = format!(
        "[agents.media]\nname = \"Media\"\nfiles = \"read\"\nkeys = [\n\
         {{ sha256 = \"{}\", expires = 2999-01-01T00:00:00Z }},\n{{ sha256 = \"{}\", expires = 2020-01-01T00:00:00Z }},\n]\n",
        good.digest(),
        over.digest()
    );
    let stage = Setup::new(policy).start().await;
    assert_eq!(stage.ask(good.expose(), "GET", FILES, "").await.status, 200);
    let mut bodies = Vec::new();
    for key in [over.expose(), AgentKey::generate().expose()] {
        let reply = stage.send("GET", FILES, &[("authorization", &bearer(key))], "").await;
        let mut problem = reply.problem();
        assert_eq!(problem.status, 401);
        problem.request_id = None;
        bodies.push(problem);
    }
    assert_eq!(bodies[0], bodies[1]);
}

/// As a policy file will say it, once somebody can be asked.
fn deleting_needs_approval(policy: &mut Policy) {
    let agent = Arc::get_mut(&mut policy.agents[0]).unwrap();
    let rule = Rule { text: "agents.media.approval".into(), line: None };
    let scopes = ["files.delete", "uploads.credential"].map(|text| Scope::parse(text).unwrap());
    let narrowing = Narrowing { approval: Some(scopes.to_vec()), ..Narrowing::of(rule) };
    agent.grants = Arc::new((*agent.grants).clone().narrowed(narrowing));
}

#[tokio::test]
async fn what_needs_approval_is_not_done_and_says_what_it_waits_for() {
    let (key, section) = agent("media", "files = \"full\"\nuploads = \"write\"\nadmin = \"read\"");
    let stage = Setup { adjust: deleting_needs_approval, ..Setup::new(section) }.start().await;
    let file = stage.file("a.png", PNG).await;
    assert_eq!(stage.ask(&key, "GET", &format!("/v1/uploadcare/files/{file}/"), "").await.status, 200);
    let before = stage.rest_requests();
    for (method, target, body, operation) in [
        ("DELETE", format!("/v1/uploadcare/files/{file}/storage/"), "", "files.delete"),
        ("POST", "/v1/upload-credentials".to_owned(), "{}", "uploads.credential"),
    ] {
        let reply = stage.ask(&key, method, &target, body).await;
        assert_eq!((reply.status.as_u16(), reply.kind().as_str()), (403, "approval-needed"), "{operation}");
        let problem = reply.problem();
        assert_eq!(problem.missing, Some(format!("approval: {operation}")));
        assert!(problem.detail.contains("somebody else has to approve of this first"), "{}", problem.detail);
        let record = stage.log.records().into_iter().rfind(|record| record.operation == Some(operation)).unwrap();
        assert_eq!(record.verdict, Some(Verdict::NeedsApproval));
        assert_eq!(record.rule.as_deref(), Some("agents.media.approval"));
        assert!(record.text.contains("Not done: somebody else has to approve"), "{}", record.text);
    }
    assert_eq!(stage.rest_requests(), before, "Uploadcare was asked");
    let explained = stage.ask(&key, "GET", "/v1/policy/explain?operation=files.delete", "").await.json();
    assert_eq!(explained["verdict"], "needs_approval", "{explained}");
    let request = http::Request::get("/metrics").body(axum::body::Body::empty()).unwrap();
    let answer = stage.signer.metrics_router().oneshot(request).await.unwrap();
    let metrics = String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(metrics.contains("operation=\"files.delete\",verdict=\"needs_approval\"} 1"), "{metrics}");
}
