//! The command line of the stand-in: reads what it is told, starts it, stops it on SIGINT or SIGTERM.
#![forbid(unsafe_code)]

use bytes::Bytes;
use clap::{Arg, Args, Parser, Subcommand, ValueEnum, builder::TypedValueParser, error::ErrorKind};
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use std::{
    ffi::OsStr,
    io::Write,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};
use updock_local::{Config, Etags, Fault, FaultError, Import, LocalUploadcare, RemoteStorage, Standing, Storage};
use updock_sign::SecretKey;
use updock_types::PublicKey;

/// Uploadcare on your machine: Upload API, REST API and CDN from one address, for development and tests.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Try it:
  updock-local serve --in-memory
  curl -F UPLOADCARE_PUB_KEY=demopublickey -F file=@photo.jpg http://127.0.0.1:3000/base/
  curl http://127.0.0.1:3000/_local/files

Then point your SDK's base URLs (upload, REST, CDN) at http://127.0.0.1:3000.

Start every test with the same files, and see what a part that fails twice does to your code:
  updock-local serve --in-memory --import fixtures/
  updock-local serve --in-memory --scenario storage-is-busy.toml

Keep a project, carry it elsewhere, begin afresh:
  updock-local serve --data-dir project
  updock-local export backup --data-dir project
  updock-local import backup --data-dir other
  updock-local reset --data-dir project         (stopped)
  updock-local reset --url http://127.0.0.1:3000  (running)"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until stopped; says where on the first line of its output
    Serve(Box<Serve>),
    /// Forget all files, groups, jobs and webhooks
    Reset(Reset),
    /// Make a stored file of every file in a directory, or take in what `export` wrote
    Import(Transfer),
    /// Write every file and an index of what is known about them into a new directory
    Export(Transfer),
}

#[derive(Args)]
#[command(after_help = "\
Give one of both: the data directory of one that is stopped, or the address of one that is running.
  updock-local reset --data-dir project
  updock-local reset --url http://127.0.0.1:3000")]
struct Reset {
    /// Of one that is stopped
    #[arg(long, value_name = "DIR", default_value = "updock-local-data", conflicts_with = "url")]
    data_dir: PathBuf,
    /// Of one that is running
    #[arg(long, value_name = "URL", value_parser = plain_url)]
    url: Option<String>,
}

#[derive(Args)]
#[command(after_help = "\
What is exported: the originals as files, and index.json with ids, names, types, times, metadata and tags. Importing
that gives the same files under the same ids; those that are there already stay as they are. Any other directory is
imported file by file, names as they are and types by their endings; hidden files are passed over.
  updock-local export backup --data-dir project
  updock-local import backup --data-dir other
  updock-local import fixtures/
One that is running keeps its data directory to itself: stop it first, or start it with --import.")]
struct Transfer {
    /// The directory to read or write
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Where files and the database are kept
    #[arg(long, value_name = "DIR", default_value = "updock-local-data")]
    data_dir: PathBuf,
}

#[derive(Args)]
#[command(after_help = "\
Beside the APIs there is /_local/: GET /_local/files lists what is stored, GET /_local/requests what arrived,
PUT /_local/faults makes things go wrong, DELETE /_local/faults makes them right again, POST /_local/reset forgets all.
GET /_local/webhooks tells what became of each delivery, GET /_local/events what happened to files.

A fault is JSON, alone or in a list; the first that fits a request applies:
  --fault '{\"operation\":\"part\",\"part\":2,\"count\":1,\"effect\":{\"status\":503,\"retry_after\":2}}'
  --fault '{\"operation\":\"uploads.direct\",\"skip\":1,\"effect\":{\"reset\":\"mid_body\"}}'
  --fault '{\"file\":\"film.mp4\",\"effect\":{\"bytes_per_second\":50000}}'
which requests: operation (uploads.direct, uploads.multipart_start, uploads.multipart_complete, uploads.info, part, cdn,
  files.list, ...), method, path (a piece of it), file (its UUID or original name), part, skip (let so many pass),
  count (then hit so many)
effect: delay_ms, status (with body, retry_after), error (a code like AccountBlockedError), reset (before_body, mid_body,
  before_answer, mid_answer), no_answer (done, but never acknowledged), bytes_per_second (each way), keep_bytes (lose
  what comes after, and say nothing), expired (a part's address, or all that a start hands out), disk_full_after (bytes),
  ready_delay_ms
name: what GET /_local/requests calls it where it strikes

A scenario file is the same in TOML, for --scenario or PUT /_local/faults with the type application/toml:
  [[fault]]
  name = \"storage is busy\"
  operation = \"part\"
  count = 2
  effect = { status = 503, retry_after = 2 }")]
struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Where to keep files and the database
    #[arg(long, value_name = "DIR", default_value = "updock-local-data", conflicts_with = "in_memory")]
    data_dir: PathBuf,
    /// Keep nothing after the end
    #[arg(long)]
    in_memory: bool,
    /// The project's public key
    #[arg(long, value_name = "KEY", env = "UPLOADCARE_PUBLIC_KEY", default_value = "demopublickey")]
    public_key: PublicKey,
    /// A secret key of the project; may be given several times. Better in the environment than on the command line
    #[arg(long, value_name = "KEY", env = "UPLOADCARE_SECRET_KEY", hide_env_values = true, value_parser = Unechoed(|text| SecretKey::parse(text).map_err(|error| error.to_string())), default_value = "demosecretkey")]
    secret_key: Vec<SecretKey>,
    /// Must uploads bring a signature or a token?
    #[arg(long, value_enum, default_value = "off")]
    signed_uploads: SignedUploads,
    /// Store uploads that do not say whether to?
    #[arg(long, value_enum, default_value = "on")]
    autostore: Switch,
    /// The project's name
    #[arg(long, value_name = "NAME", default_value = "local")]
    project_name: String,
    /// Largest file in bytes
    #[arg(long, value_name = "BYTES")]
    max_file_size: Option<u64>,
    /// What a part's `ETag` is: its MD5, as in the service, or something that costs next to nothing
    #[arg(long, value_enum, default_value = "md5")]
    part_etags: PartEtags,
    /// How long a file stays unready, like 1500ms or 2s
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0s")]
    ready_delay: Duration,
    /// How long conversions, add-ons and image derivatives take, beside their work
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s")]
    job_time: Duration,
    /// Must image derivatives bring a token? The real service asks for one unless the project says otherwise
    #[arg(long, value_enum, default_value = "required")]
    signed_derivatives: SignedUploads,
    /// May the project use webhooks?
    #[arg(long, value_enum, default_value = "on")]
    webhooks: Switch,
    /// May webhooks be told to private addresses, this machine's among them? The real service refuses these
    #[arg(long, value_enum, default_value = "on")]
    private_webhooks: Switch,
    /// Fetch uploads from URLs with private addresses too, this machine's among them
    #[arg(long)]
    allow_private_urls: bool,
    /// How fast time passes for unstored files (24 hours) and repeated deliveries: 1 is real time, 10000 makes a day of
    /// nine seconds, 0 stops it
    #[arg(long, value_name = "FACTOR", value_parser = clock_speed, default_value = "1")]
    clock_speed: f64,
    /// Take only so many requests a second in each API, like 20/s, and answer 429 to the others
    #[arg(long, value_name = "N/s", value_parser = rate)]
    throttle: Option<NonZeroU32>,
    /// Refuse files of this type, as their bytes tell it: image/svg+xml, or video/* for all of a kind; may be given
    /// several times
    #[arg(long, value_name = "TYPE", value_parser = media_type)]
    forbid_type: Vec<String>,
    /// How the project stands with the service; anything but good refuses uploads
    #[arg(long, value_enum, default_value = "good")]
    standing: StandingArg,
    /// A storage that copies go out to; may be given several times. With an S3 key better in the environment
    #[arg(long, value_name = "NAME=DIR or NAME=s3+URL", env = "UPDOCK_LOCAL_REMOTE_STORAGE", hide_env_values = true, value_parser = Unechoed(|text| RemoteStorage::parse(text).map_err(|error| error.to_string())))]
    remote_storage: Vec<RemoteStorage>,
    /// May Uploadcare.Simple come over plain HTTP? The real service refuses it
    #[arg(long, value_enum, default_value = "on")]
    simple_over_http: Switch,
    /// What links start with, when clients reach this by another address than they say
    #[arg(long, value_name = "URL", value_parser = base_url)]
    public_url: Option<String>,
    /// What CDN links start with; the same as the others unless given
    #[arg(long, value_name = "URL", value_parser = base_url)]
    cdn_base: Option<String>,
    /// How long a client may send nothing in the middle of a body
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    body_timeout: Duration,
    /// How long a client may take to send a request's head
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    header_timeout: Duration,
    /// Listen on an address that other machines can reach: whoever does can read, fault and reset everything here
    #[arg(long)]
    public: bool,
    /// Take in this directory before serving: fixtures, or what `export` wrote
    #[arg(long, value_name = "DIR")]
    import: Option<PathBuf>,
    /// A file with things to go wrong, in TOML; may be given several times
    #[arg(long, value_name = "FILE", value_parser = scenario)]
    scenario: Vec<Vec<Fault>>,
    /// Something to go wrong, as JSON; may be given several times
    #[arg(long, value_name = "JSON", value_parser = Fault::parse_list)]
    fault: Vec<Vec<Fault>>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PartEtags {
    Md5,
    Fast,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SignedUploads {
    Required,
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StandingArg {
    Good,
    Removed,
    Blocked,
    Unpaid,
    LimitsReached,
}

impl From<StandingArg> for Standing {
    fn from(standing: StandingArg) -> Self {
        match standing {
            StandingArg::Good => Self::Good,
            StandingArg::Removed => Self::Removed,
            StandingArg::Blocked => Self::Blocked,
            StandingArg::Unpaid => Self::Unpaid,
            StandingArg::LimitsReached => Self::LimitsReached,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Reads a value that holds a secret: unlike clap's own parsers, a refusal does not repeat the value.
#[derive(Clone, Copy)]
struct Unechoed<T>(fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Unechoed<T> {
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let read = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned()).and_then(self.0);
        read.map_err(|why| {
            let name = arg.map(ToString::to_string).unwrap_or_default();
            let sentence = format!("the value of '{name}' cannot be taken (it is not shown here): {why}\n");
            clap::Error::raw(ErrorKind::ValueValidation, sentence).with_cmd(command)
        })
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..split].parse().map_err(|_| "expected a number and a unit, like 1500ms or 2s")?;
    match &text[split..] {
        "ms" => Ok(Duration::from_millis(number)),
        "s" | "" => Ok(Duration::from_secs(number)),
        _ => Err("the unit is ms or s".to_owned()),
    }
}

fn clock_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed >= 0.0);
    speed.ok_or_else(|| "expected a number, like 1 or 10000".to_owned())
}

fn media_type(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some((kind, subtype)) if !kind.is_empty() && !subtype.is_empty() => Ok(text.to_owned()),
        _ => Err("expected a type like image/svg+xml or video/*".to_owned()),
    }
}

fn rate(text: &str) -> Result<NonZeroU32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number.parse().map_err(|_| "expected a number of requests a second, like 20/s".to_owned())
}

fn scenario(file: &str) -> Result<Vec<Fault>, FaultError> {
    Fault::read_scenario(Path::new(file))
}

fn plain_url(text: &str) -> Result<String, String> {
    let url = base_url(text)?;
    if url.starts_with("http://") { Ok(url) } else { Err("expected an address like http://127.0.0.1:3000".to_owned()) }
}

fn base_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest.filter(|rest| !rest.is_empty() && !rest.contains(['?', '#', ' '])) {
        Some(_) => Ok(text.trim_end_matches('/').to_owned()),
        None => Err("expected an address like https://uploads.example.com".to_owned()),
    }
}

impl From<Serve> for Config {
    fn from(serve: Serve) -> Self {
        let base = Self::default();
        Self {
            listen: serve.listen,
            storage: if serve.in_memory { Storage::Memory } else { Storage::Directory(serve.data_dir) },
            public_key: serve.public_key,
            secret_keys: serve.secret_key,
            signed_uploads: serve.signed_uploads == SignedUploads::Required,
            autostore: serve.autostore == Switch::On,
            project_name: serve.project_name,
            max_file_size: serve.max_file_size.unwrap_or(base.max_file_size),
            part_etags: match serve.part_etags {
                PartEtags::Md5 => Etags::Md5,
                PartEtags::Fast => Etags::Fast,
            },
            ready_delay: serve.ready_delay,
            job_time: serve.job_time,
            signed_derivatives: serve.signed_derivatives == SignedUploads::Required,
            webhooks: serve.webhooks == Switch::On,
            private_webhooks: serve.private_webhooks == Switch::On,
            private_urls: serve.allow_private_urls,
            clock_speed: serve.clock_speed,
            throttle: serve.throttle,
            forbidden_types: serve.forbid_type,
            standing: serve.standing.into(),
            remote_storages: serve.remote_storage,
            simple_over_http: serve.simple_over_http == Switch::On,
            public_url: serve.public_url,
            cdn_base: serve.cdn_base,
            body_timeout: serve.body_timeout,
            header_timeout: serve.header_timeout,
            faults: serve.scenario.into_iter().chain(serve.fault).flatten().collect(),
            ..base
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let done = match cli.command {
        Command::Serve(serve) => run(*serve).await,
        Command::Reset(Reset { url: Some(url), .. }) => reset_running(&url).await,
        Command::Reset(Reset { data_dir, .. }) => reset_stopped(data_dir).await,
        Command::Import(transfer) => import(transfer).await,
        Command::Export(transfer) => export(transfer).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("updock-local: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A sentence for a person, which is all that is done with it.
type Trouble = Box<dyn std::error::Error>;

/// Whoever reads this may be gone already, which is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn run(serve: Serve) -> Result<(), Trouble> {
    if !is_loopback(serve.listen.ip()) && !serve.public {
        let address = serve.listen;
        return Err(format!(
            "{address} can be reached from other machines, and whoever does can read, fault and reset everything here; \
             add --public if that is meant"
        )
        .into());
    }
    let fixtures = serve.import.clone();
    let config = Config::from(serve);
    // Before it serves: a signal that comes early must not be lost.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let service = LocalUploadcare::with(config).await?;
    if let Some(directory) = fixtures {
        let import = service.import(&directory).await?;
        tracing::info!(files = import.imported, directory = %directory.display(), "took in");
    }
    say(&format!("updock-local is listening on {}", service.base_url()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    service.shutdown().await;
    Ok(())
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// One that nobody is told of, to work on a data directory.
async fn closed(data_dir: PathBuf) -> Result<LocalUploadcare, Trouble> {
    let config = Config { storage: Storage::Directory(data_dir), clock_speed: 0.0, ..Config::default() };
    Ok(LocalUploadcare::with(config).await?)
}

fn must_be_ours(data_dir: &Path) -> Result<(), Trouble> {
    if data_dir.join("updock-local.sqlite").is_file() {
        return Ok(());
    }
    Err(format!("{} is no data directory of updock-local", data_dir.display()).into())
}

async fn reset_stopped(data_dir: PathBuf) -> Result<(), Trouble> {
    must_be_ours(&data_dir)?;
    let service = closed(data_dir).await?;
    service.reset().await?;
    service.shutdown().await;
    say("everything is forgotten");
    Ok(())
}

async fn reset_running(url: &str) -> Result<(), Trouble> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = http::Request::post(format!("{url}/_local/reset")).body(Empty::new())?;
    let response = client.request(request).await.map_err(|_| format!("nobody answers at {url}"))?;
    if response.status() != http::StatusCode::NO_CONTENT {
        return Err(format!("{url} answered {}; is that updock-local?", response.status()).into());
    }
    say("everything is forgotten");
    Ok(())
}

fn files(count: usize) -> String {
    format!("{count} {}", if count == 1 { "file" } else { "files" })
}

async fn import(Transfer { directory, data_dir }: Transfer) -> Result<(), Trouble> {
    if !directory.is_dir() {
        return Err(format!("{} is no directory", directory.display()).into());
    }
    let service = closed(data_dir).await?;
    let Import { imported, known } = service.import(&directory).await?;
    service.shutdown().await;
    let known = if known == 0 { String::new() } else { format!(", {known} were there already") };
    say(&format!("imported {}{known}", files(imported)));
    Ok(())
}

async fn export(Transfer { directory, data_dir }: Transfer) -> Result<(), Trouble> {
    must_be_ours(&data_dir)?;
    let service = closed(data_dir).await?;
    let exported = service.export(&directory).await?;
    service.shutdown().await;
    say(&format!("exported {} to {}", files(exported), directory.display()));
    Ok(())
}
