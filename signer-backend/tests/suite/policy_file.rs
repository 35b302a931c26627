//! The policy file: what is refused, where, and in which words; and that nobody's secret is among them.

use crate::keeping::run;
use crate::process::write_policy;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use updock_signer::audit::AuditTerms;
use updock_signer::policy::{Place, Policy, PolicyError, Secrets, Sources};
use updock_types::Event;

pub(crate) const PROJECT: &str =
    "version = 1\n[project]\npublic_key = \"demopublickey\"\nsecret = { env = \"SECRET\" }\n";
const VISITORS: &str = "[uploads.visitors]\norigins = [\"https://app.example.com\"]\n";
pub(crate) const DIGEST: &str = "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92";

pub(crate) fn parse_in(directory: &Path, text: &str) -> Result<Policy, PolicyError> {
    let env = |name: &str| match name {
        "SECRET" => Some("canary-secret".to_owned()),
        "EMPTY" => Some(" \n".to_owned()),
        _ => None,
    };
    Policy::parse(text, &Sources { directory, env: &env })
}

pub(crate) fn refusal(text: &str) -> String {
    parse_in(Path::new("."), text).map(|_| ()).expect_err(text).to_string()
}

pub(crate) fn agent(section: &str) -> String {
    format!("{PROJECT}[agents.media]\nname = \"Media\"\n{section}\n")
}

#[test]
fn the_example_is_good_and_closed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policy.toml");
    let env = |name: &str| (name == "UPLOADCARE_SECRET_KEY").then(|| "demosecretkey".to_owned());
    let text = fs::read_to_string(path).unwrap();
    let policy = Policy::parse(&text, &Sources { directory: Path::new("."), env: &env }).unwrap();
    assert_eq!(policy.visitors.unwrap().origins.len(), 2);
    assert_eq!(policy.agents.len(), 1);
}

#[test]
fn what_is_open_useless_or_mistyped_is_refused_in_one_sentence() {
    let project = |rest: &str| format!("version = 1\n[project]\npublic_key = \"demopublickey\"\n{rest}\n{VISITORS}");
    let visitors = |rest: &str| format!("{PROJECT}[uploads.visitors]\n{rest}\n");
    for (text, expected) in [
        (String::new(), "`version` is missing here"),
        (format!("version = 2\n{}{VISITORS}", &PROJECT[12..]), "line 1: this program reads version 1"),
        ("version = 1\n".to_owned(), "`project` is missing here"),
        (project(""), "`secret` is missing here"),
        (project("secret = \"canary-secret\""), "line 4: the secret itself must not stand in this file"),
        (
            project("secret = { env = \"ABSENT\" }"),
            "line 4: the environment variable ABSENT, which should hold the secret key, is not set",
        ),
        (project("secret = { env = \"EMPTY\" }"), "line 4: the environment variable EMPTY"),
        (
            project("secret = { file = \"/nonexistent/secret\" }"),
            "line 4: the secret file /nonexistent/secret cannot be read",
        ),
        (project("secret = { env = \"SECRET\", file = \"x\" }"), "line 4: a secret comes from one place"),
        (project("secret = {}"), "line 4: a secret comes from one place"),
        (project("secret = { evn = \"SECRET\" }"), "line 4: `evn` is not known here; did you mean `env`?"),
        (project("secret = [\"canary-secret\"]"), "line 4: this value is of the wrong kind"),
        (project("secrett = \"canary-secret\""), "line 4: `secrett` is not known here; did you mean `secret`?"),
        (
            format!("version = 1\n[project]\npublic_key = \"not a key!\"\nsecret = {{ env = \"SECRET\" }}\n{VISITORS}"),
            "line 3: not a public key",
        ),
        (
            format!("{PROJECT}[state]\npostgres = {{ env = \"SECRET\" }}\n{VISITORS}"),
            "line 6: this holds no address of a PostgreSQL database; it looks like postgres://",
        ),
        (PROJECT.to_owned(), "nobody may call this signer"),
        (visitors("orgins = [\"https://a.test\"]"), "line 6: `orgins` is not known here; did you mean `origins`?"),
        (visitors("origins = []"), "line 6: no origin is listed"),
        (visitors("origins = \"https://a.test\""), "line 6: this value is of the wrong kind"),
        (
            visitors("origins = [\"https://a.test\",\n  \"*\"]"),
            "line 7: this is not an exact origin: `*` stands for pages we do not know",
        ),
        (visitors("origins = [\"https://*.a.test\"]"), "line 6: this is not an exact origin"),
        (visitors("origins = [\"a.test\"]"), "line 6: this is not an exact origin: it has no scheme"),
        (
            visitors("origins = [\"https://a.test/upload\"]"),
            "line 6: this is not an exact origin: an origin has no path and no user; write https://a.test",
        ),
        (visitors("origins = [\"https://a.test:443\"]"), "the usual port; write https://a.test"),
        (visitors("origins = [\"https://a.test\"]\nrate = \"fast\""), "line 7: expected a rate like"),
        (visitors("origins = [\"https://a.test\"]\nttl_max = \"10\""), "line 7: expected a number and a unit"),
        (
            visitors("origins = [\"https://a.test\"]\nttl_max = \"25h\""),
            "line 7: an upload credential lives from 1 second to 24 hours",
        ),
        (
            visitors("origins = [\"https://a.test\"]\noperations_max = 0"),
            "line 7: an upload credential is good for 1 to 100000 files",
        ),
        (visitors("origins = [\"https://a.test\"]\noperations_max = -1"), "line 7: this value is of the wrong kind"),
        (format!("{PROJECT}{VISITORS}[uploads.policy]\naccept = [\"images\"]\n"), "not a file type"),
        (
            format!("{PROJECT}{VISITORS}[uploads.policy]\nmax_size = 5\n"),
            "line 8: `max_size` is not known here; did you mean `max_files`?",
        ),
        (agent("keys = []\nfiles = \"read\""), "line 7: the agent media has an empty list of keys"),
        (agent("keys = [{ sha256 = \"abc\" }]\nfiles = \"read\""), "line 7: sha256 has 64 small hexadecimal digits"),
        (
            agent(
                "keys = [{ sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }]\nfiles = \"read\"",
            ),
            "line 7: sha256 has 64",
        ),
        (
            agent("keys = [{ sha256 = \"updock_live_canary-secret\" }]\nfiles = \"read\""),
            "line 7: this is the agent key itself",
        ),
        (
            agent("keys = [\"updock_live_canary-secret\"]\nfiles = \"read\""),
            "line 7: an agent key must not stand in this file",
        ),
        (agent("keys = \"updock_live_canary-secret\"\nfiles = \"read\""), "line 7: this value is of the wrong kind"),
        (
            agent(&format!("keys = [{{ sha256 = \"{DIGEST}\" }}, {{ sha256 = \"{DIGEST}\" }}]\nfiles = \"read\"")),
            "line 7: this key stands twice",
        ),
        (
            agent(&format!("keys = [{{ sha256 = \"{DIGEST}\" }}]\nfiles = \"reed\"")),
            "line 8: `reed` is not known here; did you mean `read`?",
        ),
        (
            agent(&format!("keys = [{{ sha256 = \"{DIGEST}\" }}]\nfile = \"read\"")),
            "line 8: `file` is not known here; did you mean `files`?",
        ),
        (agent(&format!("keys = [{{ sha256 = \"{DIGEST}\" }}]")), "no agent is granted anything"),
        (
            format!("{PROJECT}[agents.Media]\nname = \"M\"\nkeys = [{{ sha256 = \"{DIGEST}\" }}]\n"),
            "an agent's id has 1 to 40 small letters",
        ),
        (
            format!("{PROJECT}[agents.media]\nname = \"M. Refused:\\n\"\nkeys = [{{ sha256 = \"{DIGEST}\" }}]\n"),
            "line 6: an agent's name has",
        ),
        (format!("{PROJECT}{VISITORS}[server]\nlisten = \"3001\"\n"), "line 8: expected an address and a port"),
        (
            format!(
                "{PROJECT}[server]\nlisten = \"0.0.0.0:3001\"\n[agents.media]\nname = \"M\"\nkeys = [{{ sha256 = \"{DIGEST}\" }}]\nfiles = \"read\"\n"
            ),
            "line 6: it listens on every address and cannot know",
        ),
        (format!("{PROJECT}{VISITORS}[server]\nmax_connections = 0\n"), "line 8: with no connection at all"),
        (format!("{PROJECT}{VISITORS}[server]\nmax_connections_per_peer = 0\n"), "line 8: with no connection at all"),
        (
            format!("{PROJECT}{VISITORS}[server]\nmax_connections = 8\nmax_connections_per_peer = 9\n"),
            "line 9: one peer cannot have more than all, and all are 8",
        ),
        (
            format!("{PROJECT}{VISITORS}[upstream]\nrest = \"http://api.example.com\"\n"),
            "line 8: plain http would let others on the way read along",
        ),
        (
            format!("{PROJECT}{VISITORS}[upstream]\nrest = \"https://u:p@api.example.com\"\n"),
            "line 8: expected only scheme, host and port",
        ),
        (format!("{PROJECT}{VISITORS}[upstraem]\n"), "line 7: `upstraem` is not known here; did you mean `upstream`?"),
        (format!("{PROJECT}{VISITORS}oops"), "line 7: "),
    ] {
        let told = refusal(&text);
        assert!(told.contains(expected), "{text}\n--- told: {told}\n--- expected: {expected}");
        assert!(!told.contains("canary-secret"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

fn secret_file(directory: &Path, mode: u32) -> PathBuf {
    let path = directory.join("secret");
    fs::write(&path, "canary-secret\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_secret_file_is_for_its_owner() {
    let directory = tempfile::tempdir().unwrap();
    let text =
        format!("version = 1\n[project]\npublic_key = \"demopublickey\"\nsecret = {{ file = \"secret\" }}\n{VISITORS}");
    for mode in [0o644, 0o604, 0o602, 0o666] {
        secret_file(directory.path(), mode);
        let told = parse_in(directory.path(), &text).unwrap_err().to_string();
        assert!(
            told.contains(&format!("open to everyone on this machine (mode {mode:03o}); run: chmod 600")),
            "{told}"
        );
    }
    for mode in [0o600, 0o400, 0o640] {
        secret_file(directory.path(), mode);
        assert!(parse_in(directory.path(), &text).unwrap().secret.matches("canary-secret"), "mode {mode:o}");
    }
}

#[test]
fn a_second_secret_signs_uploads() {
    let text = format!("{PROJECT}upload_secret = {{ env = \"SECRET\" }}\n{VISITORS}");
    assert!(parse_in(Path::new("."), &text).unwrap().upload_secret.matches("canary-secret"));
}

#[test]
fn nothing_shows_a_secret() {
    let policy = parse_in(Path::new("."), &format!("{PROJECT}{VISITORS}")).unwrap();
    assert!(!format!("{policy:?}").contains("canary-secret"));
    for (place, shown) in [
        (Place::Postgres("postgres://u:canary-secret@db/s".to_owned()), "Postgres([redacted])"),
        (Place::Sqlite("state.db".into()), "Sqlite(state.db)"),
        (Place::Memory, "Memory"),
    ] {
        assert_eq!(format!("{place:?}"), shown);
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic_or_repeat_a_value(text in "(\\PC|\n){0,80}", at in 0usize..200) {
        let whole = format!("{PROJECT}{VISITORS}");
        let at = (0..=at.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap();
        let _ = parse_in(Path::new("."), &format!("{}{text}{}", &whole[..at], &whole[at..]));
        if let Err(error) = parse_in(Path::new("."), &text) {
            proptest::prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}

/// An agent with a key, and other sections after it.
pub(crate) fn keyed(section: &str) -> String {
    agent(&format!("keys = [{{ id = \"0123456789\", sha256 = \"{DIGEST}\" }}]\n{section}"))
}

#[test]
fn what_is_wrong_about_grants_is_said_with_its_line_and_a_suggestion() {
    for (section, expected) in [
        (
            "roles = [\"reder\"]\n[roles.reader]\nfiles = \"read\"",
            "line 8: there is no such role; did you mean `reader`?",
        ),
        ("roles = [\"x\"]", "line 8: there is no such role"),
        (
            "files = \"read\"\n[roles.reader]\nfile = \"read\"",
            "line 10: `file` is not known here; did you mean `files`?",
        ),
        ("files = \"read\"\n[roles.Reader]\n", "line 9: a role's id has"),
        ("files = \"reed\"", "line 8: `reed` is not known here; did you mean `read`?"),
        (
            "files = \"read\"\nonly = [\"files.lst\"]",
            "line 9: this is no area and no operation; did you mean `files.list`?",
        ),
        ("files = \"read\"\nonly = [\"canary-secret\"]", "line 9: expected an area, like files, or an operation"),
        ("files = \"read\"\nonly = []", "line 9: an empty list lets this agent do nothing"),
        ("files = \"read\"\nrate = \"5/day\"", "line 9: so much a day is a quota; write it at `quota`"),
        ("files = \"read\"\nrates = { files = \"5\" }", "line 9: expected a rate like"),
        (
            "files = \"read\"\nrates = { fils = \"5/s\" }",
            "line 9: this is no area and no operation; did you mean `files`?",
        ),
        ("files = \"read\"\nquota = { files = \"5/s\" }", "line 9: this is a rate; write it at `rates`"),
        ("files = \"read\"\nquota = { \"addons.removebg\" = \"5/day\" }", "did you mean `addons.remove_bg`?"),
        ("files = \"read\"\nexpires = 2027-03-31", "line 9: expected a date and time with its zone"),
        ("files = \"read\"\nexpires = \"soon\"", "line 9: this value is of the wrong kind"),
        ("files = \"read\"\nnetworks = [\"10.0.0.0/33\"]", "line 9: expected a network"),
        ("files = \"read\"\nnetworks = []", "line 9: from no network nobody can call"),
        ("files = \"read\"\nlimits = { batch = 5 }", "line 9: `batch` is not known here; did you mean `batch_max`?"),
        ("files = \"read\"\nlimits = { batch_max = 0 }", "line 9: with no file at all"),
        (
            "files = \"read\"\nlimits = { webhook_targets = [\"https://a.test/%2e\"] }",
            "line 9: expected an address like",
        ),
        (
            "uploads = \"write\"\nlimits = { upload_credential = { scope = [\"/from_url/\"] } }",
            "line 9: limits narrow only; a credential opens /base/",
        ),
        (
            "uploads = \"write\"\nlimits = { upload_credential = { operations_max = 5, signature = true } }",
            "line 9: a signature holds to neither",
        ),
        (
            "uploads = \"write\"\nlimits = { upload_credential = { ttl_max = \"25h\" } }",
            "line 9: an upload credential lives",
        ),
        ("files = \"read\"\n[defaults]\nrate = \"fast\"", "line 10: expected a rate like"),
        ("files = \"read\"\n[defaults]\nrates = \"1/s\"", "line 10: `rates` is not known here; did you mean `rate`?"),
    ] {
        let told = refusal(&keyed(section));
        assert!(told.contains(expected), "{section}\n--- told: {told}\n--- expected: {expected}");
        assert!(!told.contains("canary-secret"), "{told}");
    }
    let tokens = |rest: &str| format!("{PROJECT}{VISITORS}[tokens]\nissuer = \"i\"\naudience = \"a\"\n{rest}\n");
    for (text, expected) in [
        (keyed("files = \"read\"\ntokens = true"), "line 9: no section [tokens] says whose tokens are good"),
        (agent("files = \"read\"\ntokens = false"), "line 8: this agent has neither key nor token"),
        (tokens(""), "`jwks` is missing here"),
        (tokens("jwks = \"http://keys.example.com/\""), "line 10: plain http would let others"),
        (tokens("jwks = \"https://u@keys.example.com/\""), "line 10: expected an address like"),
        (
            tokens("jwks = \"https://k.test/\"\nalgorithms = [\"HS256\"]"),
            "line 11: tokens are taken with asymmetric signatures only",
        ),
        (
            tokens("jwks = \"https://k.test/\"\nalgorithms = [\"none\"]"),
            "line 11: tokens are taken with asymmetric signatures only",
        ),
        (tokens("jwks = \"https://k.test/\"\nalgorithms = []"), "line 11: with no algorithm no token is good"),
        (tokens("jwks = \"https://k.test/\"\nclaim = \"\""), "line 11: this must say something"),
    ] {
        let told = refusal(&text);
        assert!(told.contains(expected), "{text}\n--- told: {told}\n--- expected: {expected}");
    }
    let told = refusal(&agent(&format!("keys = [{{ sha256 = \"{DIGEST}\", expires = 2027 }}]\nfiles = \"read\"")));
    assert!(told.contains("line 7: this value is of the wrong kind"), "{told}");
}

#[test]
fn full_access_is_said_aloud_until_it_is_acknowledged() {
    let warnings = |section: &str| {
        let policy = parse_in(Path::new("."), &keyed(section)).unwrap();
        policy.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    for (section, expected) in [
        ("files = \"write\"\nwebhooks = \"write\"", None),
        ("files = \"full\"", Some("line 8: the agent media has full access to files")),
        ("files = \"read\"\nwebhooks = \"full\"", Some("line 9: the agent media has full access to webhooks")),
        ("admin = \"full\"", Some("line 8: the agent media has full access to admin")),
        ("roles = [\"all\"]\n[roles.all]\nfiles = \"full\"", Some("line 10: the agent media has full access to files")),
        ("files = \"full\"\nacknowledged = true", None),
        (
            "files = \"read\"\nonly = [\"files.list\", \"files.delete\"]",
            Some("line 9: files.delete is listed, and no level"),
        ),
        ("webhooks = \"write\"\nonly = [\"webhooks.update\"]", None),
        ("files = \"read\"\nonly = [\"files.list\", \"groups\"]", Some("line 9: groups is listed, and no level")),
        ("files = \"read\"\nexpires = 2020-01-01T00:00:00Z", Some("line 9: this time is over")),
    ] {
        let told = warnings(section);
        match expected {
            Some(expected) => assert!(told.contains(expected), "{section}: {told}"),
            None => assert_eq!(told, "", "{section}"),
        }
    }
}

#[test]
fn a_policy_that_others_can_write_is_refused_at_start_and_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let policy = write_policy(folder.path(), "s", "http://127.0.0.1:9/", VISITORS);
    for (mode, good) in [(0o600, true), (0o644, true), (0o640, true), (0o660, false), (0o602, false), (0o666, false)] {
        fs::set_permissions(&policy, fs::Permissions::from_mode(mode)).unwrap();
        let told = Policy::load(Path::new(&policy), None).map(drop).map_err(|error| error.to_string());
        let (checked, said) = run(&policy, &["check"]);
        assert_eq!((told.is_ok(), checked), (good, good), "{mode:o}: {told:?} {said}");
        if !good {
            let expected = format!("(mode {mode:03o}); run: chmod go-w {policy}");
            assert!(told.unwrap_err().contains(&expected) && said.contains(&expected), "{said}");
        }
    }
}

#[test]
fn a_policy_may_belong_to_who_deploys_it() {
    let folder = tempfile::tempdir().unwrap();
    let policy = write_policy(folder.path(), "s", "http://127.0.0.1:9/", VISITORS);
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o644)).unwrap();
    // Only root can give a file away; for whoever else runs this it stays an own one.
    let _ = std::os::unix::fs::chown(&policy, Some(12345), None);
    let (good, told) = run(&policy, &["check"]);
    assert!(good, "{told}");
}

#[test]
fn a_shadow_policy_that_others_can_write_is_pointed_out_and_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let rules = format!("[shadow]\nfile = \"next.toml\"\n{VISITORS}");
    let policy = write_policy(folder.path(), "s", "http://127.0.0.1:9/", &rules);
    let next = folder.path().join("next.toml");
    fs::copy(&policy, &next).unwrap();
    for (mode, asked) in [(0o600, true), (0o666, false), (0o620, false), (0o644, true)] {
        fs::set_permissions(&next, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = Policy::load(Path::new(&policy), None).unwrap();
        assert_eq!(loaded.shadow.is_some(), asked, "{mode:o}");
        let (good, told) = run(&policy, &["check"]);
        let expected = format!("is not asked: others on this machine could change what is allowed (mode {mode:03o})");
        assert_eq!((good, told.contains(&expected)), (true, !asked), "{mode:o}: {told}");
    }
}

#[test]
fn commands_that_never_call_uploadcare_need_none_of_its_secrets_and_no_key_but_the_one_they_use() {
    let folder = tempfile::tempdir().unwrap();
    let (_, agents) = crate::stage::agent("media", "files = \"read\"");
    let hooks = "[webhooks]\nsecrets = [{ file = \"absent\" }]\n[webhooks.targets.cms]\n\
        url = \"https://cms.example.com/\"\nsecret = { env = \"ABSENT\" }\n";
    let policy = write_policy(folder.path(), "s", "http://127.0.0.1:9/", &format!("{agents}{hooks}"));
    let cases = folder.path().join("cases.toml");
    fs::write(&cases, "[[case]]\ncaller = \"media\"\noperation = \"files.list\"\nexpect = \"allow\"\n").unwrap();
    let cases = cases.to_str().unwrap();
    fs::remove_file(folder.path().join("secret")).unwrap();
    let house = folder.path().join("updock-signer.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let state = updock_signer::state::SqliteState::open(&house).await.unwrap();
        updock_signer::signing::Signing::kept(&state, updock_signer::audit::KEY).await.unwrap();
    });
    let own = folder.path().join("own");
    fs::write(&own, "07".repeat(32)).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
    let (audit, receipts) = (Some("audit"), Some("receipts"));
    drop(runtime);
    let public_key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    for (arguments, needed) in [
        (&["check"][..], None),
        (&["policy", "check"], None),
        (&["policy", "explain", "media", "files.list"], None),
        (&["policy", "test", cases], None),
        (&["policy", "simulate", "--with", &policy], None),
        (&["audit", "search"], None),
        (&["audit", "export"], None),
        (&["audit", "verify", "--public-key", public_key], None),
        (&["audit", "verify"], audit),
        (&["keys", "list"], None),
        (&["keys", "issue", "--agent", "media"], audit),
        (&["keys", "derive", "0123456789", "--all-grants"], audit),
        (&["keys", "revoke", "0123456789"], audit),
        (&["receipts", "verify", "x.y.z"], receipts),
        (&["webhooks", "dead"], None),
    ] {
        let (good, told) = run(&policy, arguments);
        // What is asked of keys and receipts that are none ends otherwise, but not for want of a secret.
        let of_none = ["derive", "revoke", "receipts"].iter().any(|word| arguments.contains(word));
        assert!(good != of_none && !told.contains("cannot be read"), "{arguments:?}: {told}");
        let text = fs::read_to_string(&policy).unwrap();
        // What signs is taken away, one key at a time: only who signs with it, or holds a signature against it, is
        // stopped by that.
        for absent in ["audit", "receipts"] {
            let key = |of| format!("[{of}]\nkey = {{ file = \"{}\" }}\n", if of == absent { "absent" } else { "own" });
            fs::write(&policy, format!("{text}{}{}", key("audit"), key("receipts"))).unwrap();
            let (_, told) = run(&policy, arguments);
            let stopped = told.contains("absent cannot be read");
            assert_eq!(stopped, needed == Some(absent), "{arguments:?} without the key of [{absent}]: {told}");
        }
        fs::write(&policy, text).unwrap();
    }
    // And what does call it, or lets others, does not start without them.
    for arguments in [&["serve"][..], &["doctor"], &["webhooks", "sync"]] {
        let (good, told) = run(&policy, arguments);
        assert!(!good && told.contains("secret cannot be read"), "{arguments:?}: {told}");
    }
}

#[test]
fn whom_the_signer_asks_and_tells_has_an_address_that_can_be_trusted() {
    let tokens = |jwks: &str, rest: &str| {
        format!("{PROJECT}{VISITORS}[tokens]\nissuer = \"i\"\naudience = \"a\"\njwks = \"{jwks}\"\n{rest}\n")
    };
    let network = "networks = [\"10.0.0.0/8\"]";
    for (jwks, rest, refused) in [
        ("https://keys.example.com/", "", None),
        ("https://10.1.2.3/", network, None),
        ("http://10.1.2.3/", network, None),
        ("http://10.1.2.3/", "", Some("plain http would let others")),
        ("ftp://keys.example.com/", "", Some("expected an address like")),
        ("ftp://keys.example.com/", network, Some("expected an address like")),
        ("/keys", "", Some("expected an address like")),
        ("https://u:p@keys.example.com/", "", Some("expected an address like")),
        ("http://u:p@10.1.2.3/", network, Some("expected an address like")),
        ("https://keys.example.com/", "algorithms = [\"ES384\", \"PS256\"]", None),
        ("https://keys.example.com/", "algorithms = [\"HS512\"]", Some("RS256, RS384, RS512, PS256")),
    ] {
        let read = parse_in(Path::new("."), &tokens(jwks, rest)).map_err(|error| error.to_string());
        match refused {
            None => assert_eq!(read.unwrap().tokens.unwrap().jwks.to_string(), jwks, "{rest}"),
            Some(why) => assert!(read.as_ref().is_err_and(|told| told.contains(why)), "{jwks} {rest}: {read:?}"),
        }
    }
}

#[test]
fn an_event_that_is_named_twice_is_told_once() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let events = "events = [\"file.uploaded\", \"file.stored\", \"file.uploaded\"]";
    let text = format!(
        "{PROJECT}{VISITORS}[webhooks]\n{events}\n[webhooks.targets.cms]\nurl = \"https://cms.example.com/\"\n\
         secret = {{ env = \"TARGET\" }}\n{events}\n"
    );
    let env = |name: &str| Some(if name == "TARGET" { secret } else { "canary-secret" }.to_owned());
    let policy = Policy::parse(&text, &Sources { directory: Path::new("."), env: &env }).unwrap();
    let hooks = policy.webhooks.unwrap();
    let once = [Event::FileUploaded, Event::FileStored];
    assert_eq!((hooks.events.as_slice(), hooks.targets[0].events.as_slice()), (&once[..], &once[..]));
    assert_eq!(hooks.targets[0].name, "cms");
}

#[test]
fn how_long_records_and_receipts_are_good_is_what_the_policy_says() {
    let (minute, day) = (Duration::from_mins(1), Duration::from_hours(24));
    for (said, keep, checkpoint, receipt) in [
        ("", None, None, Duration::from_hours(1)),
        ("[audit]\nkeep = \"30d\"\n", Some(30 * day), None, Duration::from_hours(1)),
        ("[audit]\ncheckpoint = \"1m\"\n", None, Some(minute), Duration::from_hours(1)),
        ("[receipts]\nttl = \"10m\"\n", None, None, 10 * minute),
    ] {
        let keeping = parse_in(Path::new("."), &format!("{PROJECT}{VISITORS}{said}")).unwrap().keeping;
        let usual = AuditTerms::default().checkpoint_after;
        assert_eq!((keeping.audit.keep, keeping.receipts.ttl), (keep, receipt), "{said}");
        assert_eq!(keeping.audit.checkpoint_after, checkpoint.unwrap_or(usual), "{said}");
    }
    for nothing in ["[audit]\nkeep = \"0d\"", "[audit]\ncheckpoint = \"0s\"", "[receipts]\nttl = \"0m\""] {
        let told = refusal(&format!("{PROJECT}{VISITORS}{nothing}\n"));
        assert!(told.contains("this would be over before it began"), "{nothing}: {told}");
    }
}

#[test]
fn the_address_of_the_state_is_read_by_nobody_but_who_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let (_, agents) = crate::stage::agent("media", "files = \"read\"");
    let rules = format!("{agents}[state]\npostgres = {{ env = \"ABSENT\" }}\n");
    let policy = write_policy(folder.path(), "s", "http://127.0.0.1:9/", &rules);
    let read = Policy::look(Path::new(&policy), Secrets::Unread).unwrap();
    assert_eq!(read.keeping.place, Place::Postgres(String::new()));
    let refused = Policy::look(Path::new(&policy), Secrets::State).unwrap_err().to_string();
    assert!(refused.contains("ABSENT"), "{refused}");
}
