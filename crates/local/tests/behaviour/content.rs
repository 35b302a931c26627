//! What the stand-in tells of sound and video that was uploaded.

use crate::{client::*, conversion, rest_api};
use serde_json::{Value, json};

/// One second of silence: 8000 samples of one channel, 16 bits each.
fn wav() -> Vec<u8> {
    let mut file =
        b"RIFF\xa4\x3e\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x80\x3e\0\0".to_vec();
    file.resize(44 + 16_000, 0);
    file
}

async fn video_info(service: &Service, uuid: &str) -> Value {
    conversion::file(service, uuid).await["content_info"]["video"].clone()
}

#[tokio::test]
async fn sound_and_video_tell_length_and_streams() {
    let service = service().await;
    let sound = service.upload("silence.wav", "audio/wav", &wav()).await;
    assert_eq!(
        video_info(&service, &sound).await,
        json!({
            "duration": 1000, "format": "wav", "bitrate": 128,
            "audio": [{ "bitrate": null, "codec": "pcm_s16le", "sample_rate": 8000, "channels": 1 }], "video": [],
        })
    );
    // Films come from where this stand-in makes them: two seconds, four frames each.
    // Their MP4 holds JPEG frames, which the demuxer has no name for.
    for (format, codec) in [("webm", json!("vp8")), ("mp4", json!(null)), ("ogg", json!("opus"))] {
        let path = format!("{sound}/video/-/size/320x240/-/format/{format}/");
        let answer =
            conversion::post(&service, "/convert/video/", &json!({ "paths": [path], "store": "1" })).await.json();
        let made = answer["result"][0]["uuid"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        let ready = |file: &Value| file["is_ready"] == true;
        conversion::until(|| async { conversion::file(&service, &made).await }, ready).await;
        let bytes = service.get(&format!("/{made}/")).await.body;
        let again = service.upload(&format!("film.{format}"), "application/octet-stream", &bytes).await;
        let info = video_info(&service, &again).await;
        let near =
            |value: &Value, wanted: f64| value.as_f64().is_some_and(|value| (value - wanted).abs() < wanted / 20.0);
        assert!(near(&info["duration"], 2000.0), "{format}: {info}");
        assert_eq!(info["format"], format, "{info}");
        let (kind, other) = if format == "ogg" { ("audio", "video") } else { ("video", "audio") };
        assert_eq!((&info[kind][0]["codec"], &info[other]), (&codec, &json!([])), "{info}");
        if kind == "video" {
            assert!(near(&info["video"][0]["frame_rate"], 4.0), "{info}");
            assert!(
                info["video"][0]["width"].as_u64() > Some(0) && info["video"][0]["height"].as_u64() > Some(0),
                "{info}"
            );
        }
    }
    let broken = service.upload("broken.wav", "audio/wav", &wav()[..30]).await;
    assert_eq!(video_info(&service, &broken).await, json!(null));
    let file = rest_api::get(&service, &format!("/files/{broken}/")).await.json();
    assert_eq!(file["content_info"]["mime"]["mime"], "audio/x-wav");
}
