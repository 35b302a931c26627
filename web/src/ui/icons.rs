//! Icons: Lucide's, one path each, drawn in the colour of the text around them; what one means is said beside it in words.

use updock_types::pieces;

/// An icon's path in a box of 24.
pub type Icon = &'static str;

/// A tray with an arrow up.
pub const UPLOAD: Icon = "M21 15v4a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-4M17 8l-5-5-5 5M12 3v12";
/// A cross.
pub const CROSS: Icon = "M18 6 6 18M6 6l12 12";
/// Two bars.
pub const PAUSE: Icon = "M9 5v14M15 5v14";
/// A triangle to the right.
pub const PLAY: Icon = "M7 4.5 18.5 12 7 19.5Z";
/// An arrow in a circle.
pub const RETRY: Icon = "M21 12a9 9 0 1 1-9-9c2.52 0 4.93 1 6.74 2.74L21 8M21 3v5h-5";
/// A tick.
pub const CHECK: Icon = "M20 6 9 17l-5-5";
/// A waste bin.
pub const BIN: Icon =
    "M3 6h18M19 6v14a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2V6M8 6V4a2 2 0 0 1 2-2h4a2 2 0 0 1 2 2v2M10 11v6M14 11v6";
/// An exclamation mark in a circle.
pub const ALERT: Icon = "M12 8v4M12 16h.01M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Z";
/// A clock.
pub const CLOCK: Icon = "M12 6v6l4 2M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Z";
/// Two arrows that take each other's place.
pub const SWAP: Icon = "m16 3 4 4-4 4M20 7H4M8 21l-4-4 4-4M4 17h16";
/// A cloud that is crossed out.
pub const OFFLINE: Icon = "m2 2 20 20M5.78 5.78A7 7 0 0 0 9 19h8.5a4.5 4.5 0 0 0 1.3-.2M21.5 16.5A4.5 4.5 0 0 0 17.5 10h-1.8A7 7 0 0 0 10 5.07";

const FILE: Icon = "M15 2H6a2 2 0 0 0-2 2v16a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V7ZM14 2v4a2 2 0 0 0 2 2h4";
const TEXT: Icon =
    "M15 2H6a2 2 0 0 0-2 2v16a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2V7ZM14 2v4a2 2 0 0 0 2 2h4M10 9H8M16 13H8M16 17H8";
const IMAGE: Icon = "M5 3h14a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2ZM9 7a2 2 0 1 0 0 4 2 2 0 0 0 0-4ZM21 15l-3.09-3.09a2 2 0 0 0-2.82 0L6 21";
const VIDEO: Icon = "m16 13 5.2 3.5a.5.5 0 0 0 .8-.4V7.9a.5.5 0 0 0-.8-.4L16 10.5M4 6h10a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2Z";
const SOUND: Icon = "M9 18V5l12-2v13M6 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM18 13a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z";
const ARCHIVE: Icon = "M3 3h18v5H3ZM5 8v11a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2V8M10 12h4";

/// The icon for a type of file.
pub fn for_type(media_type: &str) -> Icon {
    let (kind, subtype) = pieces::cut(media_type, b'/').unwrap_or((media_type, ""));
    match kind {
        "image" => IMAGE,
        "video" => VIDEO,
        "audio" => SOUND,
        "text" => TEXT,
        _ if subtype == "pdf" || subtype.ends_with("document") || subtype == "msword" => TEXT,
        _ if subtype.ends_with("zip") || subtype.ends_with("compressed") || subtype.ends_with("tar") => ARCHIVE,
        _ => FILE,
    }
}
