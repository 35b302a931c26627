//! What can be said on the command line. Ids and keys are parsed here, so that commands get them typed.
#![expect(clippy::doc_markdown, reason = "these comments are what --help prints, backticks and brackets included")]

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use updock_client::Base;
use updock_types::rest::Addon;
use updock_types::{
    AddonRequestId, Event, FileUuid, GroupId, MetadataKey, MetadataValue, PublicKey, Tag, Timestamp, WebhookId,
};

/// Uploadcare from the command line.
#[derive(Debug, Parser)]
#[command(
    name = "updock",
    version,
    about = "Uploadcare from the command line: upload, list, search, store, convert, scan",
    after_help = EXAMPLES,
    max_term_width = 110
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) project: ProjectArgs,
    /// Print one JSON document a line, for programs; errors go to standard error as JSON too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  updock upload film.mp4 photo.jpg --public-key demopublickey
  updock upload *.jpg --metadata album=summer --tag cat --json
  updock ls --newest --limit 10
  updock search \"summer sunset\" --image yes
  updock convert document 17be4678-dab7-4bc7-8753-28914a22960a --to pdf
  updock scan 17be4678-dab7-4bc7-8753-28914a22960a

  Against the local stand-in, which needs no account:
  updock-local serve &
  updock upload film.mp4 --public-key demopublickey --base-url http://127.0.0.1:3000

  As an agent, through an updock-signer:
  UPLOADCARE_SECRET_KEY=updock_live_... updock ls --base-url https://signer.example.com

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 key missing or refused, 4 not found,
5 service not reached or throttled, 6 some of several failed, 130 interrupted.";

/// Which project, and where.
#[derive(Debug, Args)]
pub(crate) struct ProjectArgs {
    /// The project's public key
    #[arg(long, global = true, env = "UPLOADCARE_PUBLIC_KEY", value_name = "KEY", help_heading = "Project")]
    pub(crate) public_key: Option<PublicKey>,
    /// A file that holds the secret key, or an agent's key, and nothing else
    ///
    /// Otherwise it is taken from the environment variable UPLOADCARE_SECRET_KEY. The project's secret key signs requests
    /// and is not sent. A key that begins with updock_live_ is an agent's: it signs nothing, and is sent to the signer at
    /// --base-url, by https or within this machine only, which gives credentials for uploads too. There is no argument for the key
    /// itself: arguments are shown to every user of this machine by `ps`, and kept in the history of shells.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Project")]
    pub(crate) secret_key_file: Option<PathBuf>,
    /// One address for everything, such as a stand-in: upload, REST and CDN; with an agent's key a signer's, for REST only
    #[arg(long, global = true, env = "UPDOCK_BASE_URL", value_name = "URL", value_parser = base, help_heading = "Project")]
    pub(crate) base_url: Option<Base>,
    /// Where the Upload API is served [default: https://upload.uploadcare.com/]
    #[arg(long, global = true, value_name = "URL", value_parser = base, help_heading = "Project")]
    pub(crate) upload_base_url: Option<Base>,
    /// Where the REST API is served [default: https://api.uploadcare.com/]
    #[arg(long, global = true, value_name = "URL", value_parser = base, help_heading = "Project")]
    pub(crate) rest_base_url: Option<Base>,
    /// How uploads are signed when there is a secret key; projects without signed uploads do not look at it
    #[arg(long, global = true, value_name = "HOW", default_value = "token", help_heading = "Project")]
    pub(crate) sign_uploads: SignUploads,
}

fn base(text: &str) -> Result<Base, updock_client::BaseError> {
    Base::parse(text)
}

/// How uploads are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignUploads {
    /// With a token (JWT) for the files at hand
    Token,
    /// With the deprecated pair of signature and expiry
    Signature,
    /// Not at all
    No,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Upload files
    Upload(UploadArgs),
    /// Let the service fetch a file from a URL
    FromUrl(FromUrlArgs),
    /// List files
    Ls(ListArgs),
    /// Search files by words, tags, type, size and time
    Search(SearchArgs),
    /// Show what is known about files and groups
    Info(InfoArgs),
    /// Keep files beyond 24 hours
    Store(FilesArgs),
    /// Remove files
    Rm(FilesArgs),
    /// Read and write metadata
    #[command(subcommand)]
    Meta(MetaCommand),
    /// Read and change a file's tags
    Tags(TagsArgs),
    /// Create, list, show and remove groups
    #[command(subcommand)]
    Group(GroupCommand),
    /// Convert documents and videos
    #[command(subcommand)]
    Convert(ConvertCommand),
    /// Scan files for viruses; fails if one is infected
    Scan(ScanArgs),
    /// Run any add-on
    #[command(subcommand)]
    Addon(AddonCommand),
    /// List, create, change and remove webhooks
    #[command(subcommand)]
    Hooks(HooksCommand),
    /// Copy files within the project, or out to a storage of your own
    #[command(subcommand)]
    Copy(CopyCommand),
    /// Show the project
    Project,
}

/// What can be said about a new file.
#[derive(Debug, Args)]
pub(crate) struct NewFileArgs {
    /// Keep the file beyond 24 hours? `auto` is what the project is set to
    #[arg(long, value_name = "WHETHER", default_value = "auto")]
    pub(crate) store: StoreArg,
    /// Metadata, as KEY=VALUE; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) metadata: Vec<(MetadataKey, MetadataValue)>,
    /// A tag; may be repeated
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<Tag>,
}

/// Whether to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreArg {
    Auto,
    Yes,
    No,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    Yes,
    No,
}

impl YesNo {
    pub(crate) fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

fn pair(text: &str) -> Result<(MetadataKey, MetadataValue), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    let key = MetadataKey::parse(key).map_err(|error| error.to_string())?;
    Ok((key, MetadataValue::parse(value).map_err(|error| error.to_string())?))
}

/// Reads sizes like `25MiB`, `10MB`, `4096`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => return Err("expected a size like 4096, 25MiB or 10MB".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a size like 4096, 25MiB or 10MB")?;
    number.checked_mul(unit).ok_or_else(|| "no file is that large".to_owned())
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  updock upload film.mp4
  updock upload *.jpg --store yes --metadata album=summer --tag cat
  updock upload backup.tar --multipart-threshold 10MB --parallel 12
  updock upload photo.jpg --json | jq -r .uuid

A large file whose upload was interrupted, killed or failed goes on where it stopped: run the same command again, within
23 hours and with the file unchanged.")]
pub(crate) struct UploadArgs {
    /// Files to upload, or `http` and `https` addresses of files that the service is to fetch
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) new: NewFileArgs,
    /// Files of this size and more go in parts, in parallel; at least 10 MB
    #[arg(long, value_name = "SIZE", default_value = "25MiB", value_parser = size)]
    pub(crate) multipart_threshold: u64,
    /// Most requests at once; parts take three quarters of them
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) parallel: u8,
    /// Start every file anew, and write nothing down to go on from later
    #[arg(long)]
    pub(crate) no_resume: bool,
    /// Where uploads under way are written down [default: a folder of yours for state]
    #[arg(long, value_name = "FOLDER", env = "UPDOCK_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  updock from-url https://example.com/photo.jpg --name cat.jpg --tag cat")]
pub(crate) struct FromUrlArgs {
    /// Where the file is
    pub(crate) url: String,
    /// Its name [default: from the answer or the URL]
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) new: NewFileArgs,
    /// Take the file that came from this URL before, if the service remembers one
    #[arg(long)]
    pub(crate) reuse: bool,
    /// Print the job's token and do not wait
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  updock ls --newest --limit 10
  updock ls --stored no --all --json | jq -r .uuid")]
pub(crate) struct ListArgs {
    /// Most files to list
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "all")]
    pub(crate) limit: usize,
    /// List every file
    #[arg(long)]
    pub(crate) all: bool,
    /// Newest first instead of oldest first
    #[arg(long)]
    pub(crate) newest: bool,
    /// Only files that are kept, or only those that are not
    #[arg(long, value_name = "WHETHER")]
    pub(crate) stored: Option<YesNo>,
    /// Removed files instead of the others
    #[arg(long)]
    pub(crate) removed: bool,
    /// Start after this time, in the order that is listed
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) from: Option<Timestamp>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  updock search \"summer sunset\"
  updock search --tag cat --tag dog --image yes --larger 1MB
  updock search --where album=summer --after 2026-11-01T00:00:00Z --sort -size")]
pub(crate) struct SearchArgs {
    /// Words in names, metadata and types; at least 4 characters
    pub(crate) query: Option<String>,
    /// Has this tag; may be repeated, then all of them
    #[arg(long)]
    pub(crate) tag: Vec<Tag>,
    /// Has not this tag; may be repeated
    #[arg(long)]
    pub(crate) without_tag: Vec<Tag>,
    /// Has exactly this metadata; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) r#where: Vec<(MetadataKey, MetadataValue)>,
    /// Has exactly this name; may be repeated, then any of them
    #[arg(long)]
    pub(crate) name: Vec<String>,
    /// Has exactly this detected media type; may be repeated, then any of them
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) media_type: Vec<String>,
    /// Only images, or everything else
    #[arg(long, value_name = "WHETHER")]
    pub(crate) image: Option<YesNo>,
    /// At least of this size
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) larger: Option<u64>,
    /// At most of this size
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) smaller: Option<u64>,
    /// Uploaded at this time or later
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) after: Option<Timestamp>,
    /// Uploaded before this time
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) before: Option<Timestamp>,
    /// Tolerate a slip of the pen
    #[arg(long)]
    pub(crate) fuzzy: bool,
    /// Order: score, datetime_uploaded, size or original_filename, with `-` in front for the other way round
    #[arg(long, value_name = "KEY", allow_hyphen_values = true, value_parser = sort)]
    pub(crate) sort: Vec<updock_types::rest::SearchSort>,
    /// Most files to show; the service finds the first thousand
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
}

fn sort(text: &str) -> Result<updock_types::rest::SearchSort, String> {
    serde_json::from_value(text.into())
        .map_err(|_| "expected score, datetime_uploaded, size or original_filename, with or without `-`".to_owned())
}

/// A file or a group.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FileOrGroup {
    File(FileUuid),
    Group(GroupId),
}

fn file_or_group(text: &str) -> Result<FileOrGroup, String> {
    if text.contains('~') {
        GroupId::parse(text).map(FileOrGroup::Group).map_err(|error| error.to_string())
    } else {
        FileUuid::parse(text).map(FileOrGroup::File).map_err(|error| error.to_string())
    }
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// UUIDs of files, ids of groups
    #[arg(required = true, value_name = "ID", value_parser = file_or_group)]
    pub(crate) ids: Vec<FileOrGroup>,
    /// Also what add-ons found
    #[arg(long)]
    pub(crate) appdata: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    /// UUIDs of files, any number
    #[arg(required = true, value_name = "UUID")]
    pub(crate) files: Vec<FileUuid>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MetaCommand {
    /// Show all metadata, or one value
    Get {
        /// The file
        file: FileUuid,
        /// The key
        key: Option<MetadataKey>,
    },
    /// Set values
    Set {
        /// The file
        file: FileUuid,
        /// What to set
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = pair)]
        pairs: Vec<(MetadataKey, MetadataValue)>,
    },
    /// Take values away
    Rm {
        /// The file
        file: FileUuid,
        /// The keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<MetadataKey>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  updock tags 17be4678-dab7-4bc7-8753-28914a22960a
  updock tags 17be4678-dab7-4bc7-8753-28914a22960a --add cat --rm dog
  updock tags 17be4678-dab7-4bc7-8753-28914a22960a --set cat --set cute")]
pub(crate) struct TagsArgs {
    /// The file
    pub(crate) file: FileUuid,
    /// Append this tag; may be repeated
    #[arg(long, conflicts_with_all = ["set", "clear"])]
    pub(crate) add: Vec<Tag>,
    /// Take this tag away; may be repeated
    #[arg(long, conflicts_with_all = ["set", "clear"])]
    pub(crate) rm: Vec<Tag>,
    /// Give the file exactly these tags; may be repeated
    #[arg(long, conflicts_with = "clear")]
    pub(crate) set: Vec<Tag>,
    /// Take all tags away
    #[arg(long)]
    pub(crate) clear: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Make a group of files
    Create {
        /// UUIDs, or CDN URLs with operations
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// List groups
    Ls {
        /// Most groups to list
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Newest first instead of oldest first
        #[arg(long)]
        newest: bool,
    },
    /// Show groups with their files
    Info {
        /// Ids of groups
        #[arg(required = true, value_name = "GROUP")]
        groups: Vec<GroupId>,
    },
    /// Remove groups, not their files
    Rm {
        /// Ids of groups
        #[arg(required = true, value_name = "GROUP")]
        groups: Vec<GroupId>,
    },
}

/// What all conversions share.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// UUIDs of files
    #[arg(required = true, value_name = "UUID")]
    pub(crate) files: Vec<FileUuid>,
    /// Keep the results beyond 24 hours? Otherwise as the project is set
    #[arg(long, value_name = "WHETHER")]
    pub(crate) store: Option<YesNo>,
    /// Print the jobs' tokens and do not wait
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConvertCommand {
    /// Show what a document is and what can be made of it
    Formats {
        /// The document
        file: FileUuid,
    },
    /// Convert documents
    #[command(after_help = "\
Examples:
  updock convert document 17be4678-dab7-4bc7-8753-28914a22960a --to pdf
  updock convert document 17be4678-dab7-4bc7-8753-28914a22960a --to png --page 1")]
    Document {
        #[command(flatten)]
        args: ConvertArgs,
        /// The format to make
        #[arg(long, value_name = "FORMAT", default_value = "pdf", value_parser = word)]
        to: String,
        /// Only this page, from 1; for images
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        page: Option<u32>,
        /// Group the pages as well; for images
        #[arg(long)]
        group: bool,
    },
    /// Convert videos
    #[command(after_help = "\
Examples:
  updock convert video 17be4678-dab7-4bc7-8753-28914a22960a --to webm
  updock convert video 17be4678-dab7-4bc7-8753-28914a22960a --size 640x --cut 0:0:5/0:0:10 --thumbs 5")]
    Video {
        #[command(flatten)]
        args: ConvertArgs,
        /// mp4, webm or ogg
        #[arg(long, value_name = "FORMAT", default_value = "mp4", value_parser = word)]
        to: String,
        /// 640x360, 640x or x360, each divisible by 4, and perhaps /preserve_ratio, /change_ratio, /scale_crop, /add_padding
        #[arg(long, value_name = "SIZE", value_parser = operation)]
        size: Option<String>,
        /// normal, better, best, lighter or lightest
        #[arg(long, value_parser = word)]
        quality: Option<String>,
        /// START/LENGTH, as seconds or H:M:S; the length may be `end`
        #[arg(long, value_name = "START/LENGTH", value_parser = operation)]
        cut: Option<String>,
        /// How many thumbnails, 1 to 50
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=50))]
        thumbs: Option<u8>,
    },
}

/// A word of a conversion path: nothing that would be another operation.
fn word(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fits { Ok(text.to_owned()) } else { Err("expected letters, digits, `.`, `_` and `-`".to_owned()) }
}

/// The argument of an operation: words, and `/` and `:` between them.
fn operation(text: &str) -> Result<String, String> {
    text.split(['/', ':']).try_for_each(|part| word(part).map(drop))?;
    if text.split('/').any(|part| part == "-") { Err("`-` is no argument".to_owned()) } else { Ok(text.to_owned()) }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  updock scan 17be4678-dab7-4bc7-8753-28914a22960a --purge")]
pub(crate) struct ScanArgs {
    /// UUIDs of files
    #[arg(required = true, value_name = "UUID")]
    pub(crate) files: Vec<FileUuid>,
    /// Remove what is infected
    #[arg(long)]
    pub(crate) purge: bool,
}

/// The add-ons, by short names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AddonArg {
    Labels,
    Moderation,
    VirusScan,
    RemoveBg,
}

impl From<AddonArg> for Addon {
    fn from(addon: AddonArg) -> Self {
        match addon {
            AddonArg::Labels => Self::Labels,
            AddonArg::Moderation => Self::Moderation,
            AddonArg::VirusScan => Self::VirusScan,
            AddonArg::RemoveBg => Self::RemoveBg,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum AddonCommand {
    /// Run an add-on on a file
    #[command(after_help = "\
Examples:
  updock addon run labels 17be4678-dab7-4bc7-8753-28914a22960a
  updock addon run remove-bg 17be4678-dab7-4bc7-8753-28914a22960a --params '{\"crop\": true}'")]
    Run {
        /// Which
        addon: AddonArg,
        /// The file
        file: FileUuid,
        /// Parameters, as a JSON object
        #[arg(long, value_name = "JSON", value_parser = object)]
        params: Option<serde_json::Map<String, serde_json::Value>>,
        /// Print the run's id and do not wait
        #[arg(long)]
        no_wait: bool,
    },
    /// Show how far a run is
    Status {
        /// Which
        addon: AddonArg,
        /// The run's id
        request: AddonRequestId,
    },
}

fn object(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object: {error}"))
}

fn event(text: &str) -> Result<Event, String> {
    let known = || Event::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(", ");
    let found = Event::ALL.iter().copied().find(|event| event.as_str() == text);
    found.ok_or_else(|| format!("expected one of {}", known()))
}

/// Where a webhook's secret comes from.
#[derive(Debug, Args)]
pub(crate) struct HookSecretArgs {
    /// A file that holds the secret to sign deliveries with; never an argument, which everybody on this machine sees
    #[arg(long, value_name = "FILE")]
    pub(crate) signing_secret_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HooksCommand {
    /// List webhooks; secrets are not shown
    Ls,
    /// Make a webhook
    Create {
        /// Where to tell
        target: String,
        /// What to tell
        #[arg(long, default_value = "file.uploaded", value_parser = event)]
        event: Event,
        /// Make it, and send nothing yet
        #[arg(long)]
        inactive: bool,
        #[command(flatten)]
        secret: HookSecretArgs,
    },
    /// Change a webhook; what is not given stays as it is
    Update {
        /// Which
        id: WebhookId,
        /// Where to tell
        #[arg(long)]
        target: Option<String>,
        /// What to tell
        #[arg(long, value_parser = event)]
        event: Option<Event>,
        /// Send, or do not
        #[arg(long, value_name = "WHETHER")]
        active: Option<YesNo>,
        #[command(flatten)]
        secret: HookSecretArgs,
    },
    /// Remove webhooks
    Rm {
        /// A webhook's id, or a URL: then all webhooks of that target
        #[arg(required = true, value_name = "ID|URL")]
        hooks: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CopyCommand {
    /// Within the project
    Local {
        /// A UUID, a UUID with operations, or a CDN URL
        source: String,
        /// Keep the copy beyond 24 hours
        #[arg(long)]
        store: bool,
        /// Metadata of the copy; that of the source is not taken over
        #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
        metadata: Vec<(MetadataKey, MetadataValue)>,
    },
    /// Out to a custom storage of the project
    Remote {
        /// A UUID, a UUID with operations, or a CDN URL
        source: String,
        /// The storage's name
        target: String,
        /// How the object is named, e.g. ${uuid}/${filename}${ext}
        #[arg(long)]
        pattern: Option<String>,
        /// Not for everybody to read
        #[arg(long)]
        private: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_takes_a_secret() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(!name.contains("secret") || name.ends_with("_file"), "{name}");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, expected) in
            [("4096", Some(4096)), ("25MiB", Some(25 << 20)), ("10MB", Some(10_000_000)), ("1G", Some(1 << 30))]
        {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
        for text in ["", "MB", "-1", "1.5MB", "1XB", "99999999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_argument_cannot_bring_another_operation() {
        for (text, fits) in [
            ("640x", true),
            ("640x360/change_ratio", true),
            ("0:0:5/0:0:10", true),
            ("1/-/format/ogg", false),
            ("a b", false),
            ("", false),
            ("a//b", false),
        ] {
            assert_eq!(operation(text).is_ok(), fits, "{text}");
        }
    }
}
