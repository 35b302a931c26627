//! The policy: who may do what. Read from one TOML file, and refused as a whole when anything in it is unknown,
//! contradictory, open or useless. Each refusal is one sentence with a line.
//!
//! Invariant: a [`Policy`] has a project secret, and at least one caller that is granted something; every origin is
//! exact; no key of an agent is known in clear.

mod agents;
mod cases;
pub mod cli;
mod error;
mod explain;
mod file;
mod hooks;
pub(crate) mod http;
mod keeping;
mod reading;
pub mod schema;
mod simulate;
mod text;
mod tokens;

pub(crate) use agents::agent_id;
pub use error::PolicyError;
pub(crate) use error::closest;
pub use explain::{Explanation, Question};
pub use file::Violations;
pub use keeping::{Keeping, Place, ReceiptTerms};
pub(crate) use reading::others_may_write;
pub use reading::{ReadPolicy, Secrets, Signs};
pub use simulate::{Change, Simulation};
pub(crate) use text::seconds;
pub use text::{HookPrefix, Origin, Rate};

use crate::caller::Caller;
use crate::decision::{Grants, Rule, Scope};
use crate::key::KeyDigest;
use crate::peers::PerPeer;
use crate::random::base62;
use crate::signing::hex;
use crate::tokens::TokenTerms;
use crate::webhooks::HookTerms;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use updock_client::Base;
use updock_sign::{ScopeItem, SecretKey};
use updock_types::policy::UploadPolicy;
use updock_types::signer::KeyId;
use updock_types::upload::limits::CREDENTIAL_MAX_SECONDS;
use updock_types::{Area, Level, PublicKey};

/// The endpoints that a credential opens when nobody says otherwise: whatever one upload needs. Reading `/info/`
/// needs no credential.
const SCOPE: [&str; 3] = ["/base/", "/multipart/*", "/group/"];
const DEFAULT_TTL_MAX: u32 = 600;
const DEFAULT_OPERATIONS_MAX: u32 = 100;
/// Most operations one token can have. Source: Upload API, Authentication.
const OPERATIONS_LIMIT: u32 = 100_000;
const DEFAULT_CONNECTIONS: u32 = 1024;
/// Of all connections, what one peer on another machine may take when nobody says otherwise: a quarter.
const PEERS: u32 = 4;

/// A checked policy.
#[derive(Debug)]
pub struct Policy {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How callers reach this signer, for links in answers; else it is the address it listens on.
    pub public_url: Option<Base>,
    /// Most connections at a time.
    pub max_connections: u32,
    /// Most connections of one peer at a time.
    pub max_connections_per_peer: PerPeer,
    /// Where to tell `/metrics`; nowhere, if not said.
    pub metrics: Option<SocketAddr>,
    /// The project.
    pub public_key: PublicKey,
    /// Signs REST requests.
    pub secret: SecretKey,
    /// Signs upload credentials.
    pub upload_secret: SecretKey,
    /// Where the REST API is.
    pub rest: Base,
    /// What may be uploaded.
    pub upload_policy: UploadPolicy,
    /// What becomes of a file that does not keep it.
    pub violations: Violations,
    /// Browsers without a key.
    pub visitors: Option<Visitors>,
    /// What agents get as upload credentials.
    pub agent_terms: CredentialTerms,
    /// Callers with a key.
    pub agents: Vec<Arc<Agent>>,
    /// Where the state is, and how it is kept.
    pub keeping: Keeping,
    /// What Uploadcare tells us, and whom we tell; `None`: no webhook is taken.
    pub webhooks: Option<HookTerms>,
    /// What is good and still worth a second look.
    pub warnings: Vec<Warning>,
    /// Which tokens of an application's identity provider are taken; none, if absent.
    pub tokens: Option<TokenTerms>,
    /// A policy that is asked beside this one, and never enforced.
    pub shadow: Option<Arc<Policy>>,
    /// What tells this policy from others: the first half of its text's SHA-256, in hexadecimal; absent without a file.
    pub digest: Option<Arc<str>>,
    /// The files it points to and was made with.
    pub files: Vec<PathBuf>,
}

/// Something in a policy that is good and still worth a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where, counted from 1.
    pub line: Option<usize>,
    /// What, in one sentence.
    pub sentence: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.sentence),
            None => f.write_str(&self.sentence),
        }
    }
}

/// The rule for browsers without a key.
#[derive(Debug)]
pub struct Visitors {
    /// Pages that may ask.
    pub origins: Vec<Origin>,
    /// How often one address may ask.
    pub rate: Rate,
    /// How many files of one address are confirmed in a day, which begins at midnight UTC; any number, if not said.
    pub quota: Option<u32>,
    /// What they get.
    pub terms: CredentialTerms,
    /// What they may do.
    pub grants: Arc<Grants>,
}

/// The most that an upload credential may open.
#[derive(Debug, Clone)]
pub struct CredentialTerms {
    /// Longest life in seconds.
    pub ttl_max: u32,
    /// Most files.
    pub operations_max: u32,
    /// Endpoints.
    pub scope: Vec<ScopeItem>,
    /// May it be a pair of signature and expiry, which holds to neither `operations_max` nor `scope`?
    pub signature: bool,
    /// Are confirmed files stored?
    pub store: bool,
}

/// A caller with a key.
#[derive(Debug)]
pub struct Agent {
    /// Its name in the file.
    pub id: String,
    /// Its name in sentences.
    pub name: String,
    /// Its keys; several for rotation.
    pub keys: Vec<StoredKey>,
    /// What it may do.
    pub grants: Arc<Grants>,
    /// How often it may call; as often as it likes, if not said.
    pub rate: Option<Rate>,
    /// How often it may do some things.
    pub rates: Vec<RateOf>,
    /// How much it may do in a day.
    pub quotas: Vec<Quota>,
    /// What it gets as upload credentials.
    pub terms: CredentialTerms,
    /// May it come with a token of the application's identity provider?
    pub tokens: bool,
    /// Unix milliseconds; none of its keys is good from then on.
    pub expires: Option<i64>,
    /// Where it may call from; from everywhere, if empty.
    pub networks: Vec<IpNet>,
}

/// How often an agent may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateOf {
    /// What.
    pub of: Scope,
    /// So often.
    pub rate: Rate,
}

/// How much of something an agent may do in a day; a day begins at midnight UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Of what.
    pub of: Scope,
    /// So often.
    pub most: u32,
}

/// An agent key as it is stored.
#[derive(Debug)]
pub struct StoredKey {
    /// Its digest.
    pub digest: KeyDigest,
    /// What lists and logs call it, and what it is revoked by: its public part as the file says it, or else an id that
    /// is made of its digest.
    pub id: KeyId,
    /// The id that is made of its digest, where the file says another one: what it stays revoked by whatever id its
    /// line is given.
    pub(crate) lasting: Option<KeyId>,
    /// Unix milliseconds; not good from then on.
    pub expires: Option<i64>,
}

impl StoredKey {
    pub(crate) fn new(digest: KeyDigest, named: Option<KeyId>, expires: Option<i64>) -> Self {
        let of_digest = digest.id();
        let id = named.unwrap_or_else(|| of_digest.clone());
        Self { digest, lasting: Some(of_digest).filter(|lasting| *lasting != id), id, expires }
    }

    /// All that it may have been revoked by, as far as the file knows: a line can be given an id later.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &KeyId> {
        std::iter::once(&self.id).chain(&self.lasting)
    }
}

/// From where secrets may be read.
pub struct Sources<'a> {
    /// Relative paths start here.
    pub directory: &'a Path,
    /// Looks up an environment variable.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

impl Policy {
    /// Checks the text of a policy file.
    pub fn parse(text: &str, sources: &Sources<'_>) -> Result<Self, PolicyError> {
        Self::read(text, sources, None, Secrets::All)
    }

    fn read(
        text: &str,
        sources: &Sources<'_>,
        listen: Option<SocketAddr>,
        secrets: Secrets,
    ) -> Result<Self, PolicyError> {
        let file: file::File = toml::from_str(text).map_err(|error| PolicyError::reading(text, &error))?;
        Checker { text, sources, listen, secrets, warnings: RefCell::default(), files: RefCell::default() }
            .policy(&file)
    }

    /// How many files of `caller`'s address are confirmed in a day, if that is limited.
    pub(crate) fn files_of_address(&self, caller: &Caller) -> Option<u32> {
        self.visitors.as_ref().filter(|_| caller.is_visitor())?.quota
    }

    /// The agent with this id.
    pub fn agent(&self, id: &str) -> Option<&Arc<Agent>> {
        self.agents.iter().find(|agent| agent.id == id)
    }

    /// The key of this file with this digest. Every one is compared, found or not, so that time tells nothing about
    /// which there are.
    pub(crate) fn owner(&self, digest: &KeyDigest) -> Option<(&Arc<Agent>, &StoredKey)> {
        let keys = self.agents.iter().flat_map(|agent| agent.keys.iter().map(move |stored| (agent, stored)));
        keys.fold(
            None,
            |found, (agent, stored)| if stored.digest.matches(digest) { Some((agent, stored)) } else { found },
        )
    }

    /// The key of this file with this id, or with this one of its digest: it went by that before its line named one.
    pub(crate) fn stored(&self, id: &KeyId) -> Option<(&Arc<Agent>, &StoredKey)> {
        let mut keys = self.agents.iter().flat_map(|agent| agent.keys.iter().map(move |stored| (agent, stored)));
        keys.find(|(_, stored)| stored.ids().any(|known| known == id))
    }

    /// Was it made from this text?
    pub fn is_of(&self, text: &str) -> bool {
        self.digest.as_deref() == Some(&digest(text))
    }

    /// A policy for embedding, without a file: closed but for what is added to it.
    pub fn new(public_key: PublicKey, secret: SecretKey) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3001)),
            public_url: None,
            max_connections: DEFAULT_CONNECTIONS,
            max_connections_per_peer: PerPeer::FromElsewhere(DEFAULT_CONNECTIONS / PEERS),
            metrics: None,
            public_key,
            upload_secret: secret.clone(),
            secret,
            rest: Base::uploadcare_rest(),
            upload_policy: UploadPolicy::default(),
            violations: Violations::default(),
            visitors: None,
            agent_terms: CredentialTerms { signature: true, ..CredentialTerms::default() },
            agents: Vec::new(),
            keeping: Keeping::default(),
            webhooks: None,
            warnings: Vec::new(),
            tokens: None,
            shadow: None,
            digest: None,
            files: Vec::new(),
        }
    }
}

impl Default for CredentialTerms {
    /// 10 minutes, 100 files, the endpoints of one upload, a token only, stored when confirmed.
    fn default() -> Self {
        let item = |text| ScopeItem::parse(text).expect("these are scope items");
        Self {
            ttl_max: DEFAULT_TTL_MAX,
            operations_max: DEFAULT_OPERATIONS_MAX,
            scope: SCOPE.map(item).to_vec(),
            signature: false,
            store: true,
        }
    }
}

impl CredentialTerms {
    /// The same, for whoever's own time ends at `end` (Unix milliseconds): what it hands out ends with it.
    pub(crate) fn until(&self, end: Option<i64>, now: i64) -> Cow<'_, Self> {
        let left = end.map_or(i64::MAX, |end| (end - now) / 1000);
        let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        if left >= self.ttl_max { Cow::Borrowed(self) } else { Cow::Owned(Self { ttl_max: left, ..self.clone() }) }
    }
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text)[..16])
}

struct Checker<'a> {
    text: &'a str,
    sources: &'a Sources<'a>,
    /// Where to listen, whatever the file says.
    listen: Option<SocketAddr>,
    /// Which secrets are read.
    secrets: Secrets,
    warnings: RefCell<Vec<Warning>>,
    files: RefCell<Vec<PathBuf>>,
}

impl Checker<'_> {
    fn at(&self, span: &Range<usize>, sentence: impl Into<String>) -> PolicyError {
        PolicyError::at(self.text, span, sentence)
    }

    fn line(&self, span: &Range<usize>) -> usize {
        error::line(self.text, span.start)
    }

    fn warn(&self, span: &Range<usize>, sentence: impl Into<String>) {
        self.warn_at(Some(self.line(span)), sentence.into());
    }

    fn warn_at(&self, line: Option<usize>, sentence: String) {
        self.warnings.borrow_mut().push(Warning { line, sentence });
    }

    fn policy(&self, file: &file::File) -> Result<Policy, PolicyError> {
        if *file.version.get_ref() != 1 {
            return Err(self.at(&file.version.span(), "this program reads version 1 of the policy file only"));
        }
        let public_key = self.parsed(&file.project.public_key, PublicKey::parse)?;
        let secret = self.secret(&file.project.secret)?;
        let upload_secret = match &file.project.upload_secret {
            Some(source) => self.secret(source)?,
            None => secret.clone(),
        };
        let mut policy = Policy::new(public_key, secret);
        policy.upload_secret = upload_secret;
        self.server(&file.server, &mut policy)?;
        if let Some(rest) = &file.upstream.rest {
            policy.rest = self.parsed(rest, Base::parse)?;
            if !policy.rest.is_private() && !file.upstream.plain_http {
                let sentence = "plain http would let others on the way read along; write https, \
                    or plain_http = true if the network in between is your own";
                return Err(self.at(&rest.span(), sentence));
            }
        }
        policy.upload_policy = file.uploads.policy.clone();
        policy.violations = file.uploads.violations;
        let terms = &file.uploads.agents;
        let agent_terms = self.terms(terms.ttl_max.as_ref(), terms.operations_max.as_ref(), terms.store)?;
        policy.agent_terms = CredentialTerms { signature: policy.agent_terms.signature, ..agent_terms };
        policy.visitors = file.uploads.visitors.as_ref().map(|visitors| self.visitors(visitors)).transpose()?;
        policy.tokens = file.tokens.as_ref().map(|tokens| self.tokens(tokens)).transpose()?;
        policy.agents = self.agents(file, &policy.agent_terms)?;
        policy.webhooks = file.webhooks.as_ref().map(|webhooks| self.webhooks(webhooks)).transpose()?;
        policy.keeping = self.keeping(&file.state, &file.audit, &file.receipts)?;
        self.is_of_use(&policy, &file.server)?;
        policy.shadow = file.shadow.as_ref().and_then(|shadow| self.shadow(shadow)).map(Arc::new);
        policy.digest = Some(digest(self.text).into());
        policy.files = self.files.take();
        policy.warnings = self.warnings.take();
        policy.warnings.sort_by_key(|warning| warning.line);
        Ok(policy)
    }

    /// The policy to ask beside this one. One that is not good keeps nothing from starting: it is pointed out.
    fn shadow(&self, shadow: &file::Shadow) -> Option<Policy> {
        let path = self.sources.directory.join(shadow.file.get_ref());
        self.files.borrow_mut().push(path.clone());
        let read = reading::text_of(&path).and_then(|text| {
            let file: file::File =
                toml::from_str(&text).map_err(|error| PolicyError::reading(&text, &error).to_string())?;
            // A shadow has no shadow.
            let file = file::File { shadow: None, ..file };
            let checker = Checker {
                text: &text,
                sources: self.sources,
                listen: self.listen,
                secrets: self.secrets,
                warnings: RefCell::default(),
                files: RefCell::default(),
            };
            checker.policy(&file).map_err(|error| error.to_string())
        });
        match read {
            Ok(policy) => Some(policy),
            Err(why) => {
                self.warn(&shadow.file.span(), format!("the shadow policy is not good and is not asked: {why}"));
                None
            }
        }
    }

    fn server(&self, server: &file::Server, policy: &mut Policy) -> Result<(), PolicyError> {
        if let Some(listen) = &server.listen {
            policy.listen = listen
                .get_ref()
                .parse()
                .map_err(|_| self.at(&listen.span(), "expected an address and a port, like \"127.0.0.1:3001\""))?;
        }
        policy.listen = self.listen.unwrap_or(policy.listen);
        if let Some(metrics) = &server.metrics {
            let parsed = metrics.get_ref().parse();
            let expected = "expected an address and a port, like \"127.0.0.1:9464\"";
            policy.metrics = Some(parsed.map_err(|_| self.at(&metrics.span(), expected))?);
        }
        policy.public_url = server.public_url.as_ref().map(|url| self.parsed(url, Base::parse)).transpose()?;
        if let Some(most) = &server.max_connections {
            if *most.get_ref() == 0 {
                return Err(self.at(&most.span(), "with no connection at all nobody can call; write 1 or more"));
            }
            policy.max_connections = *most.get_ref();
        }
        policy.max_connections_per_peer = match &server.max_connections_per_peer {
            None => PerPeer::FromElsewhere((policy.max_connections / PEERS).max(1)),
            Some(most) if *most.get_ref() == 0 => {
                return Err(self.at(&most.span(), "with no connection at all nobody can call; write 1 or more"));
            }
            Some(most) if *most.get_ref() > policy.max_connections => {
                let sentence = format!("one peer cannot have more than all, and all are {}", policy.max_connections);
                return Err(self.at(&most.span(), sentence));
            }
            Some(most) => PerPeer::FromAnywhere(*most.get_ref()),
        };
        Ok(())
    }

    /// A policy that lets nobody in, or that cannot say its own address, is a mistake.
    fn is_of_use(&self, policy: &Policy, server: &file::Server) -> Result<(), PolicyError> {
        if policy.visitors.is_none() && policy.agents.is_empty() {
            return Err(PolicyError::new(
                "nobody may call this signer; write a rule [uploads.visitors] or an agent [agents.<id>]",
            ));
        }
        if policy.visitors.is_none() && policy.agents.iter().all(|agent| agent.grants.is_empty()) {
            return Err(PolicyError::new(
                "no agent is granted anything; write for example files = \"read\" below [agents.<id>]",
            ));
        }
        if !policy.agents.is_empty() && policy.public_url.is_none() && policy.listen.ip().is_unspecified() {
            let sentence = "it listens on every address and cannot know by which name agents reach it; \
                write public_url = \"https://...\" below [server], for the links in its answers";
            return Err(match server.listen.as_ref().filter(|_| self.listen.is_none()) {
                Some(listen) => self.at(&listen.span(), sentence),
                None => PolicyError::new(sentence),
            });
        }
        Ok(())
    }

    fn parsed<T, E: fmt::Display>(
        &self,
        text: &Spanned<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, PolicyError> {
        parse(text.get_ref()).map_err(|error| self.at(&text.span(), error.to_string()))
    }

    fn secret(&self, source: &Spanned<file::Source>) -> Result<SecretKey, PolicyError> {
        let text = self.secret_text_or(source, "the secret key", || base62(40))?;
        SecretKey::parse(&text).map_err(|error| self.at(&source.span(), error.to_string()))
    }

    /// The same where all secrets are read; a stand-in that nobody has where they are not.
    fn secret_text_or(
        &self,
        source: &Spanned<file::Source>,
        what: &str,
        stand_in: impl FnOnce() -> String,
    ) -> Result<String, PolicyError> {
        if self.secrets == Secrets::All { self.secret_text(source, what) } else { Ok(stand_in()) }
    }

    fn secret_text(&self, source: &Spanned<file::Source>, what: &str) -> Result<String, PolicyError> {
        let fail = |sentence: String| self.at(&source.span(), sentence);
        match source.get_ref() {
            file::Source::Env(name) => (self.sources.env)(name)
                .filter(|text| !text.trim().is_empty())
                .ok_or_else(|| fail(format!("the environment variable {name}, which should hold {what}, is not set"))),
            file::Source::File(path) => self.secret_file(path).map_err(fail),
        }
    }

    fn secret_file(&self, path: &str) -> Result<String, String> {
        let path: PathBuf = self.sources.directory.join(path);
        self.files.borrow_mut().push(path.clone());
        let shown = path.display();
        let cannot = |error: std::io::Error| format!("the secret file {shown} cannot be read: {error}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).map_err(cannot)?.permissions().mode() & 0o777;
            if mode & 0o007 != 0 {
                return Err(format!(
                    "the secret file {shown} is open to everyone on this machine (mode {mode:03o}); run: chmod 600 {shown}"
                ));
            }
        }
        std::fs::read_to_string(&path).map_err(cannot)
    }

    fn network(&self, text: &Spanned<String>) -> Result<IpNet, PolicyError> {
        let parsed = text.get_ref().parse();
        parsed.map_err(|_| self.at(&text.span(), "expected a network, like \"10.0.0.0/8\""))
    }

    fn terms(
        &self,
        ttl_max: Option<&Spanned<String>>,
        operations_max: Option<&Spanned<u32>>,
        store: Option<bool>,
    ) -> Result<CredentialTerms, PolicyError> {
        let mut terms = CredentialTerms::default();
        if let Some(ttl) = ttl_max {
            terms.ttl_max = self.parsed(ttl, seconds)?;
            if terms.ttl_max == 0 || u64::from(terms.ttl_max) > CREDENTIAL_MAX_SECONDS {
                return Err(self.at(&ttl.span(), "an upload credential lives from 1 second to 24 hours"));
            }
        }
        if let Some(operations) = operations_max {
            terms.operations_max = *operations.get_ref();
            if !(1..=OPERATIONS_LIMIT).contains(&terms.operations_max) {
                return Err(self.at(&operations.span(), "an upload credential is good for 1 to 100000 files"));
            }
        }
        terms.store = store.unwrap_or(terms.store);
        Ok(terms)
    }

    fn visitors(&self, visitors: &Spanned<file::Visitors>) -> Result<Visitors, PolicyError> {
        let file::Visitors { origins, rate, quota, ttl_max, operations_max, signature, store } = visitors.get_ref();
        if origins.get_ref().is_empty() {
            let sentence = "no origin is listed, so nobody could use this rule; \
                write the pages that may upload, like [\"https://app.example.com\"]";
            return Err(self.at(&origins.span(), sentence));
        }
        let origin = |text: &Spanned<String>| {
            Origin::parse(text.get_ref())
                .map_err(|why| self.at(&text.span(), format!("this is not an exact origin: {why}")))
        };
        Ok(Visitors {
            origins: origins.get_ref().iter().map(origin).collect::<Result<_, _>>()?,
            rate: file::rate(rate.as_ref()).map_err(|(span, sentence)| self.at(&span, sentence))?,
            quota: quota.as_ref().map(|quota| self.quota(quota)).transpose()?,
            terms: CredentialTerms {
                signature: *signature,
                ..self.terms(ttl_max.as_ref(), operations_max.as_ref(), *store)?
            },
            grants: Arc::new(Grants::default().add(
                Area::Uploads,
                Level::Write,
                Rule { text: "uploads.visitors".into(), line: Some(self.line(&origins.span())) },
            )),
        })
    }
}
