//! Text that has hurt somebody before, and choices among things.

use fastrand::Rng;

/// One of them.
pub(crate) fn pick<'a, T: ?Sized>(rng: &mut Rng, of: &[&'a T]) -> &'a T {
    of[rng.usize(..of.len())]
}

/// True once in `one_in` times.
pub(crate) fn once_in(rng: &mut Rng, one_in: u32) -> bool {
    rng.u32(..one_in) == 0
}

const ODD: &[&str] = &[
    "",
    " ",
    "0",
    "-1",
    "1",
    "01",
    "+1",
    "1.5",
    "1e3",
    "1e400",
    "NaN",
    "-0",
    "255",
    "256",
    "65535",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "170141183460469231731687303715884105728",
    "true",
    "false",
    "null",
    "auto",
    "[]",
    "{}",
    "\"",
    "'",
    "\\",
    "\\\"",
    "%",
    "%0",
    "%00",
    "%zz",
    "%ff%fe",
    "%2e%2e%2f",
    "..",
    ".",
    "../../../../etc/passwd",
    "/",
    "//",
    "~",
    "~0",
    "~99999999999",
    "\0",
    "a\0b",
    "\r\n",
    "\t",
    "\u{feff}",
    "\u{202e}abc",
    "é",
    "Привет",
    "\u{1F600}",
    "\u{fffd}",
    "İ",
    "ẞ",
    "ﬀ",
    "e\u{301}",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "%s%n",
    "*",
    "/*",
    "9999-12-31T23:59:59.999999Z",
    "0000-01-01T00:00:00Z",
    "2026-02-30T00:00:00",
    "2026-11-24T18:00:00.123456789+25:99",
    "-262144-01-01T00:00:00Z",
    "+262143-12-31T23:59:60Z",
    "@NOW@",
    "@FILE@",
    "@IMAGE@",
    "@GROUP@",
    "@UPLOAD@",
    "00000000-0000-4000-8000-000000000000",
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    "00000000-0000-4000-8000-000000000000~1",
    "@FILE@~1",
    "@FILE@/-/",
    "http://127.0.0.1:9/",
    "http://",
    "http://[::1",
    "//127.0.0.1/",
    "ftp://127.0.0.1/x",
    "http://127.0.0.1:99999/",
    "http://user:pass@127.0.0.1:9/a?b#c",
    "file:///etc/passwd",
];

/// A value nobody expects; now and then a long one.
pub(crate) fn odd(rng: &mut Rng) -> String {
    match rng.u32(..40) {
        0 => "9".repeat(rng.usize(1..400)),
        1 => "a".repeat(1 << rng.u32(..15)),
        2 => "é".repeat(rng.usize(1..700)),
        3 => "%41".repeat(rng.usize(1..300)),
        4 => (0..rng.usize(..24)).map(|_| rng.char(..)).collect(),
        5 => (0..rng.usize(..24)).map(|_| char::from(rng.u8(32..127))).collect(),
        6 => rng.i64(..).to_string(),
        7 => format!("{}{}", pick(rng, ODD), pick(rng, ODD)),
        _ => (*pick(rng, ODD)).to_owned(),
    }
}

/// Mostly `usual`, sometimes odd.
pub(crate) fn or_odd(rng: &mut Rng, usual: &str) -> String {
    if once_in(rng, 8) { odd(rng) } else { usual.to_owned() }
}

/// One of these, sometimes odd.
pub(crate) fn some(rng: &mut Rng, of: &[&str]) -> String {
    let usual = pick(rng, of);
    or_odd(rng, usual)
}

/// Percent-encodes what a query or a path segment may not hold.
pub(crate) fn encoded(rng: &mut Rng, text: &str) -> String {
    if once_in(rng, 10) {
        return text.chars().filter(|c| !c.is_control()).collect();
    }
    // Placeholders stay readable.
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace("%40", "@").replace("%7E", "~")
}

/// Bytes of a file: what a look inside could stumble over.
pub(crate) fn content(rng: &mut Rng) -> Vec<u8> {
    const HEADS: &[&[u8]] = &[
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x06\0\0\0\x1f\xf3\xffa\0\0\0\x0bIDAT",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xc0\0\x11\x08\0\x10\0\x10\x03\x01\"\0",
        b"\xff\xd8\xff\xe1\0\x28Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
        b"GIF89a\x10\0\x10\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\0\0\0\0\0,\0\0\0\0\x10\0\x10\0\0\x02",
        b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\x01\0\x9d\x01\x2a\x10\0\x10\0",
        b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\x0f\0\0\x0f\0\0",
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0",
        b"II*\0\x08\0\0\0\x02\0\0\x01\x03\0\x01\0\0\0\x10\0\0\0\x01\x01\x03\0\x01\0\0\0\x10\0\0\0",
        b"MM\0*\0\0\0\x08\0\x02\x01\0\0\x03\0\0\0\x01\0\x10\0\0",
        b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0",
        b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf\0\0\0\x20meta",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x08moov",
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\ntrailer<</Root 1 0 R>>",
        b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\x86\xa6\x10\x36\x05\0\0\0\x05\0\0\0\x01\0\0\0ahelloPK\x01\x02PK\x05\x06\0\0\0\0\x01\0\x01\0",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1e9\" height=\"-1\"><rect/></svg>",
        b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
        b"hello",
        b"",
    ];
    let mut bytes = pick(rng, HEADS).to_vec();
    if once_in(rng, 2) {
        bytes.extend((0..rng.usize(..64)).map(|_| rng.u8(..)));
    }
    for _ in 0..rng.usize(..4) {
        if !bytes.is_empty() {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
        }
    }
    if once_in(rng, 4) {
        bytes.truncate(rng.usize(..=bytes.len()));
    }
    bytes
}
