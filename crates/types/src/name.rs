//! The sanitised file name that the service derives from the original one.

/// `filename` as the service derives it from `original_filename`: letters, digits and `_` of what stands before the
/// last dot, then the extension filtered alike; `noroot` when nothing is left. A leading dot starts no extension.
/// Source: Upload API, File info; the rule fits all recorded pairs.
pub fn sanitised_name(original: &str) -> String {
    let keep = |text: &str| -> String { text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect() };
    let (root, extension) = match original.rfind('.') {
        Some(0) | None => (original, ""),
        Some(dot) => (&original[..dot], &original[dot + 1..]),
    };
    let (mut name, extension) = (keep(root), keep(extension));
    if name.is_empty() {
        name.push_str("noroot");
    }
    if !extension.is_empty() {
        name.push('.');
        name.push_str(&extension);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::sanitised_name;

    #[test]
    fn names_are_sanitised_as_the_service_does() {
        for (original, expected) in [
            ("IMG-0412_123.JPG", "IMG0412_123.JPG"),
            ("test-image_1.jpg", "testimage_1.jpg"),
            ("instellar_logo_main (1).png", "instellar_logo_main1.png"),
            ("1631871920988..jpg", "1631871920988.jpg"),
            ("WhatsApp Image 2023-06-26 at 8.33.09 AM.jpeg", "WhatsAppImage20230626at83309AM.jpeg"),
            (
                "Screenshot_2021-10-09-15-04-38-697_com.google.android.apps.photos~2.jpg",
                "Screenshot_20211009150438697_comgoogleandroidappsphotos2.jpg",
            ),
            ("canva-banner 35x60.PNG", "canvabanner35x60.PNG"),
            ("Привет.pdf", "noroot.pdf"),
            ("2250", "2250"),
            (".htaccess", "htaccess"),
            ("", "noroot"),
        ] {
            assert_eq!(sanitised_name(original), expected, "{original}");
        }
    }
}
