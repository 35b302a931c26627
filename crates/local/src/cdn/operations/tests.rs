use super::*;
use proptest::prelude::*;

fn parse(path: &str) -> Result<Request, Refused> {
    Request::parse(path)
}

fn canonical(path: &str) -> String {
    match parse(path) {
        Ok(request) => request.operations.iter().map(ToString::to_string).collect(),
        Err(refused) => format!("400 {refused}"),
    }
}

#[test]
fn operations_are_read_in_every_form_that_is_documented() {
    for (path, expected) in [
        ("-/preview/", "-/preview/2048x2048/"),
        ("-/preview/300x500/", "-/preview/300x500/"),
        ("-/preview", "-/preview/2048x2048/"),
        ("-/preview/300x500", "-/preview/300x500/"),
        ("-/resize/320x240/", "-/resize/320x240/"),
        ("-/resize/320x/", "-/resize/320x/"),
        ("-/resize/x240/", "-/resize/x240/"),
        ("-/crop/100x50/", "-/crop/100x50/0,0/"),
        ("-/crop/100x50/center/", "-/crop/100x50/center/"),
        ("-/crop/100x50/50p,50p/", "-/crop/100x50/center/"),
        ("-/crop/50px25.5p/10,20/", "-/crop/50px25.50p/10,20/"),
        ("-/crop/50%25x50%25/right/", "-/crop/50px50p/100p,50p/"),
        ("-/crop/16:9/top/", "-/crop/16:9/50p,0p/"),
        ("-/scale_crop/300x200/", "-/scale_crop/300x200/0,0/"),
        ("-/scale_crop/300x200/center/", "-/scale_crop/300x200/center/"),
        ("-/scale_crop/300x200/smart/", "-/scale_crop/300x200/smart/"),
        ("-/scale_crop/300x200/smart_objects_faces/10p,0/", "-/scale_crop/300x200/smart_faces_objects/10p,0/"),
        ("-/stretch/off/-/resize/9x/", "-/stretch/off/-/resize/9x/"),
        ("-/setfill/ECE3D2/-/setfill/abc/-/setfill/01020304/", "-/setfill/ece3d2/-/setfill/aabbcc/-/setfill/01020304/"),
        ("-/rotate/90/-/rotate/-90/-/rotate/360/", "-/rotate/90/-/rotate/270/-/rotate/0/"),
        ("-/flip/-/mirror/-/grayscale/-/invert/-/blur/", "-/flip/-/mirror/-/grayscale/-/invert/-/blur/10/"),
        ("-/quality/smart/-/progressive/yes/-/autorotate/no/", "-/quality/smart/-/progressive/yes/-/autorotate/no/"),
        ("-/inline/no/", "-/inline/no/"),
        ("-/json/", "-/json/"),
        ("-/preview/-/main_colors/3/", "-/preview/2048x2048/-/main_colors/3/"),
    ] {
        assert_eq!(canonical(path), expected, "{path}");
    }
}

#[test]
fn what_follows_the_last_slash_is_a_name() {
    for (path, operations, name) in [
        ("", 0, None),
        ("cat.jpg", 0, Some("cat.jpg")),
        ("caf%C3%A9.jpg", 0, Some("café.jpg")),
        ("-/preview/cat.jpg", 1, Some("cat.jpg")),
        ("-/preview/10x10/cat.jpg", 1, Some("cat.jpg")),
        ("-/resize/550x/image@1x.jpg", 1, Some("image@1x.jpg")),
        ("-/preview/-/grayscale/black&white@2x.jpg", 2, Some("black&white@2x.jpg")),
        ("-/preview/-/grayscale/", 2, None),
    ] {
        let request = parse(path).unwrap();
        assert_eq!((request.operations.len(), request.name.as_deref()), (operations, name), "{path}");
    }
}

#[test]
fn a_mistake_is_told_with_what_the_operation_takes() {
    let resize = "The operation \"resize\" takes one or two dimensions in pixels: -/resize/300x200/, -/resize/300x/ or -/resize/x200/.";
    for (path, sentence) in [
        ("-/resize/", resize),
        ("-/resize/300/", resize),
        ("-/resize/x/", resize),
        ("-/resize/0x10/", resize),
        ("-/resize/+1x10/", resize),
        ("-/resize/100000x/", resize),
        ("-/resize/10x10/10x10/", resize),
        ("-/stretch/maybe/", "The operation \"stretch\" takes \"on\", \"off\" or \"fill\"."),
        (
            "-/rotate/45/",
            "The operation \"rotate\" takes an angle that is a multiple of 90, against the clock: -/rotate/90/.",
        ),
        ("-/frobnicate/1/", "There is no operation \"frobnicate\"."),
        ("-/enhance/50/", "The operation \"enhance\" is not available in this stand-in."),
        ("-/crop/face/", "Cropping to a face or an object is not available in this stand-in."),
        ("-/crop/face/1:1/cat.jpg", "Cropping to a face or an object is not available in this stand-in."),
        ("-/format/avif/", "The format \"avif\" is not available in this stand-in; take \"webp\"."),
        ("-/", "An operation is missing between two separators (-/)."),
        ("-/preview/-/", "An operation is missing between two separators (-/)."),
        ("a/b.jpg", "Behind a file's UUID stands a file name, or operations: /<uuid>/-/preview/."),
        ("%ff", "The path is no UTF-8."),
    ] {
        assert_eq!(canonical(path), format!("400 {sentence}"), "{path}");
    }
    assert_eq!(canonical(&"-/flip/".repeat(33)), "400 At most 32 operations fit into one path.");
}

#[test]
fn effects_of_groups_may_hold_what_only_the_service_can_do() {
    for (effects, fine) in [
        ("resize/x800/", true),
        ("preview/-/grayscale/", true),
        ("enhance/50/-/crop/face/", true),
        ("resize/huge/", false),
        ("nope/", false),
        ("enhance/50/-/nope/", false),
        ("", false),
    ] {
        assert_eq!(Request::check_effects(effects).is_ok(), fine, "{effects}");
    }
}

fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(USAGE.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    let arguments = prop::sample::select(
        [
            "yes",
            "no",
            "on",
            "fill",
            "center",
            "right",
            "auto",
            "webp",
            "normal",
            "smart",
            "smart_faces",
            "90",
            "-180",
            "fff",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    prop_oneof![
        4 => known,
        4 => arguments,
        3 => "[0-9]{0,5}x[0-9]{0,5}",
        2 => "[0-9]{1,3}(\\.[0-9]{1,2})?p?,[0-9]{1,3}p?",
        1 => "[0-9]{1,3}p?x[0-9]{1,3}(\\.[0-9]{1,3})?p?",
        1 => "[1-9][0-9]?:[1-9]",
        4 => Just("-".to_owned()),
        1 => "\\PC{0,8}",
        1 => Just(String::new()),
    ]
}

proptest! {
    #[test]
    fn any_path_is_read_or_refused_and_its_canonical_text_says_the_same(words in prop::collection::vec(word(), 0..12), begin: bool) {
        let path = format!("{}{}", if begin { "-/" } else { "" }, words.join("/"));
        if let Ok(request) = parse(&path) {
            let text: String = request.operations.iter().map(ToString::to_string).collect();
            let again = parse(&text).map(|again| again.operations);
            prop_assert_eq!(again, Ok(request.operations), "{} became {}", path, text);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(path in "\\PC{0,60}") {
        let _ = parse(&path);
        let _ = Request::check_effects(&path);
    }

    #[test]
    fn a_frame_inside_the_image_stays_inside(image in (1..5000u32, 1..5000u32), share in 0..=10_000u32, frame in (1..5000u32, 1..5000u32)) {
        let frame = (frame.0.min(image.0), frame.1.min(image.1));
        let at = Alignment::parse(&format!("{}.{:02}p,{}.{:02}p", share / 100, share % 100, share / 100, share % 100)).unwrap();
        let (x, y) = at.place(image, frame);
        prop_assert!(x >= 0 && y >= 0 && x + i64::from(frame.0) <= i64::from(image.0) && y + i64::from(frame.1) <= i64::from(image.1));
    }
}
