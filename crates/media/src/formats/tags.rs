//! Which tags of a file a container can hold.

use crate::formats::container::Container;
use std::ffi::{CStr, CString};

/// What iTunes' list in mp4 has a place for, as FFmpeg names it; and what mp4 keeps elsewhere.
const MP4: &[&str] = &[
    "title",
    "artist",
    "album_artist",
    "composer",
    "album",
    "date",
    "comment",
    "genre",
    "copyright",
    "grouping",
    "lyrics",
    "description",
    "synopsis",
    "show",
    "episode_id",
    "network",
    "keywords",
    "episode_sort",
    "season_number",
    "media_type",
    "hd_video",
    "gapless_playback",
    "compilation",
    "track",
    "disc",
    "tmpo",
    "creation_time",
    "location",
    "timecode",
];

/// The same for QuickTime's user data.
const MOV: &[&str] = &[
    "title",
    "artist",
    "author",
    "album",
    "date",
    "comment",
    "genre",
    "copyright",
    "make",
    "model",
    "keywords",
    "location",
    "creation_time",
    "timecode",
];

/// What AVI's INFO list has a place for.
const AVI: &[&str] = &[
    "artist",
    "comment",
    "copyright",
    "date",
    "genre",
    "language",
    "title",
    "track",
    "album",
    "encoded_by",
    "timecode",
];

/// Whether mp4 or mov must write tags as keys and values of their own names (QuickTime's `mdta`), since some of them have
/// no place in the usual lists, such as `com.apple.quicktime.make`.
pub(crate) fn needs_own_keys<'a>(container: &Container, names: impl IntoIterator<Item = &'a CString>) -> bool {
    let usual = match container {
        Container::Mp4 => MP4,
        Container::Mov => MOV,
        _ => return false,
    };
    names.into_iter().any(|name| !is_among(name, usual))
}

/// Those that the container has no place for.
pub(crate) fn lost<'a>(container: &Container, names: impl IntoIterator<Item = &'a CString>) -> Vec<String> {
    let Container::Other(name) = container else { return Vec::new() };
    let kept: &[&str] = match name.as_str() {
        "avi" => AVI,
        "3gp" | "3g2" | "ipod" | "f4v" => MP4,
        "mpegts" | "mpeg" | "mxf" => &["service_name", "service_provider", "creation_time", "timecode"],
        _ => return Vec::new(),
    };
    let names = names.into_iter().filter(|name| !is_among(name, kept));
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Whether it can hold chapters.
pub(crate) fn supports_chapters(container: &Container) -> bool {
    !matches!(container, Container::Other(name) if !matches!(name.as_str(), "nut" | "ogg" | "ipod" | "3gp" | "3g2" | "f4v" | "asf"))
}

fn is_among(name: &CStr, list: &[&str]) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    // A language may follow.
    let plain = name.split_once('-').map_or(name.as_str(), |(plain, _)| plain);
    list.contains(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_without_a_usual_place_get_keys_of_their_own() {
        let names = |list: &[&str]| list.iter().map(|n| CString::new(*n).unwrap()).collect::<Vec<_>>();
        let usual = names(&["title", "location", "location-eng", "creation_time"]);
        let apple = names(&["title", "com.apple.quicktime.make"]);
        for container in [Container::Mp4, Container::Mov] {
            assert!(!needs_own_keys(&container, &usual) && needs_own_keys(&container, &apple));
            assert!(lost(&container, &apple).is_empty());
        }
        assert!(!needs_own_keys(&Container::Matroska, &apple));
        assert_eq!(lost(&Container::Other("avi".into()), &apple), ["com.apple.quicktime.make"]);
        assert_eq!(lost(&Container::Other("mpegts".into()), &apple), ["title", "com.apple.quicktime.make"]);
        assert!(supports_chapters(&Container::Mov) && !supports_chapters(&Container::Other("avi".into())));
    }
}
