//! Edits by hand, through the whole program: `vrseg people`, and what an edits file changes in the mattes, pixel by
//! pixel.

use crate::harness::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use vrseg_engine::edits;

/// Each frame's matte by itself, so that only the frames of an edit differ from those of a run without.
const FLAT: [&str; 8] = ["--layout", "mono", "--projection", "flat", "--model", "selfie", "--stabilize", "0"];
/// The same on person crops.
const CROPS: [&str; 10] =
    ["--layout", "mono", "--projection", "flat", "--model", "selfie", "--stabilize", "0", "--crops", "selfie"];
/// Frames of [`pan`], 25 per second.
const FRAMES: usize = 20;
/// No frames.
const NONE: [usize; 0] = [];

/// People and their surroundings, which move to the left by 4 of 320 pixels per frame.
fn pan(dir: &Path) -> PathBuf {
    let input = dir.join("in.mkv");
    clip(&input, "320x240", FRAMES, "-an -c:v ffv1");
    input
}

/// A part of a photo of two people, 12 frames at 25 per second.
fn still(dir: &Path, filter: &str) -> PathBuf {
    let input = dir.join("in.mkv");
    let args = format!("-loop 1 -framerate 25 -i {{}} -frames:v 12 -vf {filter},format=yuv420p -c:v ffv1 {{}}");
    ffmpeg(&args, &[&photo(PEOPLE[0]), &input]);
    input
}

/// Two men, one in the middle and one at the right border: 500x338.
const BOTH: &str = "scale=500:338";
/// The man in the middle alone: 250x260.
const ONE: &str = "crop=250:260:130:78";

/// Writes an edits file beside a clip.
fn edits_file(clip: &Path, text: &str) -> PathBuf {
    let path = clip.with_file_name("edits.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The mattes of a clip, with the text of an edits file.
#[track_caller]
fn mattes(clip: &Path, options: &[&str], text: Option<&str>) -> Pictures {
    let path = clip.with_file_name("matte.mkv");
    let output = format!("matte={}", arg(&path));
    let file = text.map(|text| edits_file(clip, text));
    let mut args = vec!["-q", "-y", arg(clip), "-o", output.as_str(), "--codec", "ffv1", "--device", "cpu"];
    args.extend(options);
    if let Some(file) = &file {
        args.extend(["--edits", arg(file)]);
    }
    ok(args);
    decode(&path, "gray", &[])
}

/// The values of a frame's pixels that are in a rectangle: left, top, right, bottom.
fn inside(all: &Pictures, frame: usize, [left, top, right, bottom]: [usize; 4]) -> Vec<u8> {
    let rows = all.frames[frame].chunks(all.width).take(bottom).skip(top);
    rows.flat_map(|row| &row[left..right]).copied().collect()
}

/// The values of a frame's other pixels.
fn outside(all: &Pictures, frame: usize, [left, top, right, bottom]: [usize; 4]) -> Vec<u8> {
    let within = |x: usize, y: usize| (left..right).contains(&x) && (top..bottom).contains(&y);
    let pixels = all.frames[frame].iter().enumerate();
    pixels.filter(|(i, _)| !within(i % all.width, i / all.width)).map(|(_, v)| *v).collect()
}

/// Share of pixels that are somebody's, 0 to 1.
fn share(pixels: &[u8]) -> f64 {
    pixels.iter().filter(|v| **v >= 128).count() as f64 / pixels.len() as f64
}

/// The numbers of the frames in which two mattes differ.
fn different(a: &Pictures, b: &Pictures) -> Vec<usize> {
    assert_eq!(a.frames.len(), b.frames.len());
    (0..a.frames.len()).filter(|n| a.frames[*n] != b.frames[*n]).collect()
}

/// The edits file that `vrseg people` writes.
#[track_caller]
fn listed(clip: &Path) -> String {
    let file = clip.with_file_name("people.yaml");
    ok(["people", arg(clip), "-q", "-y", "-o", arg(&file)].iter().chain(&CROPS));
    std::fs::read_to_string(&file).unwrap()
}

#[test]
fn people_are_listed_and_written_as_an_edits_file_and_a_sheet() {
    let dir = folder();
    let clip = still(dir.path(), BOTH);
    let (file, sheet) = (dir.path().join("people.yaml"), dir.path().join("people.png"));
    let command = ["people", arg(&clip), "-o", arg(&file), "--sheet", arg(&sheet)];
    let printed = ok(command.iter().chain(&CROPS));
    let table = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert_eq!(table.lines().count(), 3, "a heading and two people:\n{table}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.starts_with("# People in ") && written.contains("--edits "), "{written}");
    let found = edits::read_text(&written).expect("the program's own file");
    assert!(found.is_empty(), "everybody is shown");
    assert_eq!(found.people.iter().map(|p| p.person).collect::<Vec<_>>(), [1, 2]);
    let picture = decode(&sheet, "rgb24", &[]);
    assert!(picture.width >= 320 && picture.height >= 160, "{}x{}", picture.width, picture.height);

    let json = ok(["people", arg(&clip), "--json"].iter().chain(&CROPS));
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((&json["frames"], &json["unit"], &json["cuts"]), (&12.into(), &"share".into(), &Value::Array(vec![])));
    let all = json["people"].as_array().expect("people");
    assert_eq!(all.len(), 2);
    for (person, same) in all.iter().zip(&found.people) {
        let path: Vec<[f64; 5]> = serde_json::from_value(person["path"].clone()).expect("a path");
        assert_eq!(path, same.path);
        assert!(person["from"] == 0.0 && person["to"].as_f64() > Some(0.4), "{person}");
        assert!(person["size"].as_f64() > Some(0.5) && person["size"].as_f64() < Some(0.9), "{person}");
    }
    let mut places: Vec<_> = all.iter().map(|person| person["x"].as_f64().unwrap()).collect();
    places.sort_by(f64::total_cmp);
    assert!((places[0] - 0.5).abs() < 0.06 && (places[1] - 0.88).abs() < 0.06, "{places:?}");

    std::fs::write(&file, "# mine\n").unwrap();
    let refused = run(command.iter().chain(&CROPS));
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("people.yaml: exists; -y replaces it"), "{}", stderr(&refused));
    assert_eq!(std::fs::read(&file).unwrap(), b"# mine\n");
    ok(command.iter().chain(&CROPS).chain(&["-y", "-q"]));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
}

#[test]
fn people_refuses_wrong_outputs_before_it_starts() {
    let dir = folder();
    let clip = still(dir.path(), ONE);
    let (list, sheet, nowhere) =
        (dir.path().join("list.txt"), dir.path().join("sheet.jpg"), dir.path().join("none/list.yaml"));
    for (options, word) in [
        (["-o", arg(&list)], "list.txt: expected a name that ends in .yaml"),
        (["--sheet", arg(&sheet)], "sheet.jpg: expected a name that ends in .png"),
        (["-o", arg(&nowhere)], "none doesn't exist"),
        (["--crops", "off"], "--crops off"),
    ] {
        let refused = run(["people", arg(&clip), "--profile", "fast"].iter().chain(&options));
        assert_eq!(refused.status.code(), Some(2), "{options:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(word), "{options:?}: {}", stderr(&refused));
    }
    assert_eq!(listing(dir.path()), ["in.mkv"]);
}

#[test]
fn hidden_person_is_missing_in_that_span_and_back_afterwards() {
    let dir = folder();
    let clip = still(dir.path(), ONE);
    let all = listed(&clip);
    assert_eq!(all.matches("- person: ").count(), 1, "{all}");
    let plain = mattes(&clip, &CROPS, None);
    assert!(plain.frames.iter().all(|frame| share(frame) > 0.15));
    let list = mattes(&clip, &CROPS, Some(&all));
    assert_eq!(different(&plain, &list), NONE, "a list alone changes nothing");
    let hidden = mattes(&clip, &CROPS, Some(&all.replace("show: true", "hide: [[0.16, 0.32]]")));
    assert_eq!(different(&plain, &hidden), [4, 5, 6, 7]);
    for n in 4..8 {
        assert!(hidden.frames[n].iter().all(|v| *v == 0), "frame {n}: {:.3}", share(&hidden.frames[n]));
    }
}

#[test]
fn one_of_two_people_is_hidden_and_the_other_stays() {
    let dir = folder();
    let clip = still(dir.path(), BOTH);
    let all = listed(&clip);
    assert_eq!(all.matches("- person: ").count(), 2, "{all}");
    let plain = mattes(&clip, &CROPS, None);
    // Either may be the first.
    let people = edits::read_text(&all).expect("the program's own file").people;
    let in_the_middle = people.iter().position(|p| p.path[0][1] < 0.7).expect("somebody in the middle");
    let (before, after) =
        all.match_indices("show: true").nth(in_the_middle).map(|(at, _)| all.split_at(at)).expect("two");
    let edited = format!("{before}{}", after.replacen("show: true", "show: false", 1));
    let hidden = mattes(&clip, &CROPS, Some(&edited));
    for n in 0..12 {
        let (middle, border) = ([0, 0, 310, 338], [375, 0, 500, 338]);
        assert!(share(&inside(&plain, n, middle)) > 0.1 && share(&inside(&plain, n, border)) > 0.1, "frame {n}");
        assert!(inside(&hidden, n, middle).iter().all(|v| *v == 0), "frame {n}: he is hidden");
        assert!(inside(&hidden, n, border) == inside(&plain, n, border), "frame {n}: his neighbor is as before");
    }
}

#[test]
fn somebody_who_was_left_out_is_found_in_a_region_in_its_time() {
    let dir = folder();
    let clip = still(dir.path(), BOTH);
    let options = [&CROPS[..], &["--people", "main"]].concat();
    let (plain, both) = (mattes(&clip, &options, None), mattes(&clip, &CROPS, None));
    let text = "regions: [{action: find, from: 0.16, to: 0.32, rect: [0.27, 0.25, 0.33, 0.72]}]";
    let found = mattes(&clip, &options, Some(text));
    assert_eq!(different(&plain, &found), [4, 5, 6, 7]);
    let (middle, border) = ([0, 0, 310, 338], [400, 0, 500, 338]);
    for n in 4..8 {
        let [before, after, wanted] = [&plain, &found, &both].map(|all| share(&inside(all, n, middle)));
        assert!(before < 0.02 && (after - wanted).abs() < 0.15 * wanted, "frame {n}: {before} {after} {wanted}");
        assert!(inside(&found, n, border) == inside(&plain, n, border), "frame {n}: the others are as before");
    }
}

#[test]
fn removed_region_is_empty_in_its_time_and_nothing_else_changes() {
    let dir = folder();
    let clip = pan(dir.path());
    let plain = mattes(&clip, &FLAT, None);
    let region = "regions:\n  - {action: remove, from: 0.2, to: 0.4, rect: [0.25, 0.25, 0.5, 0.5]}\n";
    let edited = mattes(&clip, &FLAT, Some(region));
    assert_eq!(different(&plain, &edited), [5, 6, 7, 8, 9]);
    for n in 5..10 {
        // A sample of the model's input is more than one pixel.
        let (inner, near) = ([84, 64, 236, 176], [70, 50, 250, 190]);
        assert!(share(&inside(&plain, n, inner)) > 0.2, "frame {n}: somebody was there");
        assert!(inside(&edited, n, inner).iter().all(|v| *v == 0), "frame {n}: nobody is there");
        assert!(outside(&edited, n, near) == outside(&plain, n, near), "frame {n}: the rest is as before");
    }
}

#[test]
fn kept_region_is_shown_and_only_regions_hide_the_rest() {
    let dir = folder();
    let clip = pan(dir.path());
    let plain = mattes(&clip, &FLAT, None);
    let kept = mattes(&clip, &FLAT, Some("regions:\n  - {action: keep, to: 0.4, rect: [0, 0, 0.2, 0.2]}\n"));
    let only = mattes(&clip, &FLAT, Some("regions:\n  - {action: only, from: 0.4, rect: [0.5, 0, 0.5, 1]}\n"));
    assert_eq!(different(&plain, &kept), (0..10).collect::<Vec<_>>());
    assert_eq!(different(&plain, &only), (10..FRAMES).collect::<Vec<_>>());
    for n in 0..10 {
        assert!(inside(&plain, n, [0, 0, 60, 44]).iter().all(|v| *v == 0), "frame {n}: nobody was there");
        assert!(inside(&kept, n, [0, 0, 60, 44]).iter().all(|v| *v == 255), "frame {n}: all of it is shown");
        assert!(outside(&kept, n, [0, 0, 78, 62]) == outside(&plain, n, [0, 0, 78, 62]), "frame {n}");
    }
    for n in 10..FRAMES {
        assert!(share(&inside(&plain, n, [0, 0, 152, 240])) > 0.05, "frame {n}: somebody was there");
        assert!(inside(&only, n, [0, 0, 152, 240]).iter().all(|v| *v == 0), "frame {n}: nobody is there");
        assert!(inside(&only, n, [172, 0, 320, 240]) == inside(&plain, n, [172, 0, 320, 240]), "frame {n}");
    }
}

#[test]
fn options_and_regions_of_a_file_give_the_same_bits() {
    let dir = folder();
    let clip = pan(dir.path());
    let plain = mattes(&clip, &FLAT, None);
    for (option, action) in [("--exclude", "remove"), ("--include", "only")] {
        let by_option = mattes(&clip, &[&FLAT[..], &[option, "0.25,0.25,0.5,0.5"]].concat(), None);
        let text = format!("regions:\n  - {{action: {action}, rect: [0.25, 0.25, 0.5, 0.5], eye: same}}\n");
        let by_file = mattes(&clip, &FLAT, Some(&text));
        assert_eq!(different(&by_option, &by_file), NONE, "{option}");
        assert_eq!(different(&plain, &by_file).len(), FRAMES, "{option} changes every frame");
    }
}

#[test]
fn settings_apply_in_their_time_as_the_options_do() {
    let dir = folder();
    let clip = pan(dir.path());
    let plain = mattes(&clip, &FLAT, None);
    let options = ["--grow", "4", "--feather", "2", "--no-refine"];
    let whole = mattes(&clip, &[&FLAT[..], &options].concat(), None);
    let text = "settings:\n  - {from: 0.2, to: 0.4, grow: 9, feather: 2, refine: false}\n  - {to: 0.6, grow: 4}\n  \
                - {from: 0.4, to: 0.6, grow: 0}\n  - {to: 0.2, grow: 0}\n";
    let edited = mattes(&clip, &FLAT, Some(text));
    assert_eq!(different(&plain, &edited), [5, 6, 7, 8, 9], "later entries win, and other frames are as before");
    let same: Vec<_> = (0..FRAMES).filter(|n| edited.frames[*n] == whole.frames[*n]).collect();
    assert_eq!(same, [5, 6, 7, 8, 9]);
}

#[test]
fn temporal_smoothing_changes_in_its_time() {
    let dir = folder();
    let clip = pan(dir.path());
    let run = |strength: &str, text: Option<&str>| {
        mattes(&clip, &["--layout", "mono", "--projection", "flat", "--model", "selfie", "--stabilize", strength], text)
    };
    let (off, strong) = (run("0", None), run("0.9", None));
    assert!(different(&off, &strong).len() > FRAMES / 2);
    let switched_on = run("0", Some("settings: [{stabilize: 0.9}]"));
    assert_eq!(different(&strong, &switched_on), NONE);
    let ended = run("0.9", Some("settings: [{from: 0.2, to: 0.4, stabilize: 0}]"));
    assert_eq!(different(&strong, &ended)[..5], [5, 6, 7, 8, 9]);
    let same = (5..10).filter(|n| ended.frames[*n] == off.frames[*n]);
    assert_eq!(same.collect::<Vec<_>>(), [5, 6, 7, 8, 9]);
}

/// The middle of what a stroke added to a frame.
fn middle(plain: &Pictures, edited: &Pictures, n: usize) -> (f64, f64) {
    let pairs = plain.frames[n].iter().zip(&edited.frames[n]).enumerate();
    let added: Vec<_> = pairs.filter(|(_, (a, b))| **b > **a && **b - **a >= 128).map(|(i, _)| i).collect();
    assert!(added.len() > 300, "frame {n}: {} pixels are added", added.len());
    let mean = |of: fn(usize, usize) -> usize| {
        added.iter().map(|i| of(*i, plain.width) as f64).sum::<f64>() / added.len() as f64
    };
    (mean(|i, width| i % width), mean(|i, width| i / width))
}

#[test]
fn stroke_appears_at_its_frame_and_follows_motion_for_its_frames() {
    let dir = folder();
    let clip = pan(dir.path());
    let plain = mattes(&clip, &FLAT, None);
    let stroke = "strokes:\n  - {action: keep, at: 0.2, frames: 8, width: 0.15, points: [[0.75, 0.2]]}\n";
    let edited = mattes(&clip, &FLAT, Some(stroke));
    assert_eq!(different(&plain, &edited), (5..13).collect::<Vec<_>>());
    for n in 5..13 {
        let (x, y) = middle(&plain, &edited, n);
        println!("frame {n}: {x:.1}, {y:.1}");
        let moved = 4.0 * (n - 5) as f64;
        assert!((x - (240.0 - moved)).abs() < 2.0 && (y - 48.0).abs() < 2.0, "frame {n}: {x:.1}, {y:.1}");
    }
    // Where people are, a stroke removes them.
    let removed = mattes(&clip, &FLAT, Some(&stroke.replace("keep", "remove").replace("0.75, 0.2", "0.5, 0.6")));
    assert_eq!(different(&plain, &removed), (5..13).collect::<Vec<_>>());
    assert!(share(&inside(&plain, 5, [152, 136, 168, 152])) > 0.9);
    assert!(inside(&removed, 5, [152, 136, 168, 152]).iter().all(|v| *v == 0));
}

#[test]
fn stroke_ends_at_a_cut() {
    let dir = folder();
    let clip = dir.path().join("in.mkv");
    let scene = "scale=320:240,setsar=1,format=yuv420p,trim=end_frame=8";
    let args = format!(
        "-loop 1 -framerate 25 -i {{}} -loop 1 -framerate 25 -i {{}} -filter_complex [0]{scene}[a];[1]{scene}[b];[a][b]concat -c:v ffv1 {{}}"
    );
    ffmpeg(&args, &[&photo(PEOPLE[0]), &photo(BUS), &clip]);
    let plain = mattes(&clip, &FLAT, None);
    assert_eq!(plain.frames.len(), 16);
    let stroke = "strokes:\n  - {action: keep, at: 0.12, frames: 12, width: 0.15, points: [[0.3, 0.2]]}\n";
    assert_eq!(different(&plain, &mattes(&clip, &FLAT, Some(stroke))), [3, 4, 5, 6, 7]);
}

/// The sides of what is white in the left and in the right half of the first frame: left, top, right, bottom.
fn white(all: &Pictures) -> [Option<[usize; 4]>; 2] {
    let half = all.width / 2;
    [0, half].map(|start| {
        let on = (0..all.frames[0].len()).filter(|i| all.frames[0][*i] >= 128);
        let places = on.map(|i| (i % all.width, i / all.width));
        let places: Vec<_> = places.filter(|(x, _)| (start..start + half).contains(x)).collect();
        let sides =
            |of: fn(&(usize, usize)) -> usize| Some([places.iter().map(of).min()?, places.iter().map(of).max()? + 1]);
        let ([left, right], [top, bottom]) = (sides(|p| p.0)?, sides(|p| p.1)?);
        Some([left - start, top, right - start, bottom])
    })
}

#[test]
fn regions_follow_the_disparity_or_are_for_one_eye() {
    let dir = folder();
    let clip = dir.path().join("in_180_LR.mkv");
    // The right eye sees a bus 8 pixels further left.
    let eyes =
        "[0]scale=400:320,split[a][b];[a]crop=320:320:40:0[l];[b]crop=320:320:48:0[r];[l][r]hstack,format=yuv420p";
    let args = format!("-loop 1 -framerate 25 -i {{}} -frames:v 2 -filter_complex {eyes} -c:v ffv1 {{}}");
    ffmpeg(&args, &[&photo(BUS), &clip]);
    let options =
        ["--layout", "sbs", "--projection", "hequirect", "--model", "selfie", "--view", "eye", "--stereo", "0"];
    let there = |place: &str, eye: &str| {
        let region = |action: &str| format!("  - {{action: {action}, {place}, eye: {eye}}}\n");
        white(&mattes(&clip, &options, Some(&format!("regions:\n{}{}", region("keep"), region("only")))))
    };
    let (here, moved) = (Some([128, 128, 192, 192]), Some([120, 128, 184, 192]));
    let [left, right] = white(&mattes(&clip, &options, None));
    for (eye, want) in
        [("both", [here, moved]), ("same", [here, here]), ("left", [here, right]), ("right", [left, here])]
    {
        assert_eq!(there("rect: [0.4, 0.4, 0.2, 0.2]", eye), want, "{eye}");
    }
    // 30 to 60 degrees to the right, 35 to 55 up; a degree is 1.8 pixels.
    let right_and_up = Some([213, 62, 267, 98]);
    assert_eq!(there("sphere_rect: [45, 45, 30, 20]", "same"), [right_and_up, right_and_up]);
}

#[test]
fn regions_cross_the_seam_of_a_360_view() {
    let dir = folder();
    let clip = dir.path().join("in.mkv");
    ffmpeg("-f lavfi -i color=gray:s=640x320:r=25 -frames:v 1 -pix_fmt yuv420p -c:v ffv1 {}", &[&clip]);
    let options = ["--layout", "mono", "--projection", "equirect", "--model", "selfie", "--view", "eye"];
    for shape in [
        "sphere_rect: [180, 0, 40, 60]",
        "sphere_polygon: [[160, 30], [-160, 30], [-160, -30], [160, -30]]",
        "sphere_polygon: [[160, 30], [200, 30], [200, -30], [160, -30]]",
    ] {
        let found = mattes(&clip, &options, Some(&format!("regions:\n  - {{action: keep, {shape}}}\n")));
        // 40 degrees are 71 of 640 pixels, half of them on either side.
        let [left, right] = white(&found).map(|sides| sides.expect("a part"));
        assert!(left[0] == 0 && (34..=38).contains(&left[2]), "{shape}: {left:?}");
        assert!(right[2] == 320 && (282..=286).contains(&right[0]), "{shape}: {right:?}");
        assert!((105..=108).contains(&left[1]) && (212..=215).contains(&left[3]), "{shape}: {left:?}");
    }
}

#[test]
fn wrong_edits_files_name_the_line_and_the_entry() {
    let dir = folder();
    let clip = pan(dir.path());
    let out = dir.path().join("out.mkv");
    let job = ["-q", arg(&clip), "-o", arg(&out), "--codec", "ffv1", "--model", "selfie"];
    for (text, line, words) in [
        (
            "regions:\n  - action: remove\n    rct: [0, 0, 1, 1]\n",
            3,
            &["regions[0]", "`rct`", "did you mean rect?"][..],
        ),
        ("regions:\n  - action: erase\n    rect: [0, 0, 1, 1]\n", 2, &["regions[0].action", "`erase`", "`remove`"]),
        ("# mine\n\nregions:\n  - action: keep\n    rect: [0.5, 0, 0.7, 1]\n", 4, &["regions[0]: rect", "WIDTH"]),
        ("settings:\n  - grow: 2\n  - {from: 2, to: 1, grow: 3}\n", 3, &["settings[1]", "from 2 is not before to 1"]),
        ("strokes:\n  - at: soon\n", 2, &["strokes[0].at", "soon: expected a time"]),
        ("people:\n  - {person: 4, show: false}\n", 2, &["people[0]", "person 4", "vrseg people"]),
        ("version: 2\n", 1, &["version 2", "newer"]),
        ("regions: [\n", 2, &[]),
    ] {
        let file = edits_file(&clip, text);
        let refused = run(job.iter().chain(&["--edits", arg(&file)]));
        let printed = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{text}{printed}");
        assert!(printed.contains(&format!("edits.yaml:{line}: ")), "{text}{printed}");
        assert!(words.iter().all(|word| printed.contains(word)), "{text}{printed}");
    }
    // The model sees the whole view, so there is nobody to find.
    let find = edits_file(&clip, "regions: [{action: find, rect: [0.4, 0.1, 0.2, 0.8]}]");
    let refused = run(job.iter().chain(&["--crops", "off", "--edits", arg(&find)]));
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("regions[0]: find needs a model on person crops"), "{}", stderr(&refused));
    let refused = run(job.iter().chain(&["--edits", "/nowhere/edits.yaml"]));
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("/nowhere/edits.yaml: "), "{}", stderr(&refused));
    assert_eq!(listing(dir.path()), ["edits.yaml", "in.mkv"]);
}

#[test]
fn edits_with_several_inputs_are_refused() {
    let dir = folder();
    let clip = pan(dir.path());
    let other = dir.path().join("other.mkv");
    std::fs::copy(&clip, &other).unwrap();
    let file = edits_file(&clip, "regions:\n  - {action: remove, rect: [0, 0, 0.5, 1]}\n");
    let results = format!("{}/", arg(&dir.path().join("out")));
    let refused = run([arg(&clip), arg(&other), "-o", &results, "--model", "selfie", "--edits", arg(&file)]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("an edits file is for one video"), "{}", stderr(&refused));
    assert_eq!(listing(dir.path()), ["edits.yaml", "in.mkv", "other.mkv"]);
}

/// Three seconds with a key frame each second.
fn three_seconds(dir: &Path) -> PathBuf {
    let input = dir.join("in.mkv");
    clip(&input, "160x120", 75, "-an -c:v libx264 -preset veryfast -crf 16 -bf 2 -g 25");
    input
}

/// The mattes of a planned job whose segments are made in this order, each by a run of its own.
#[track_caller]
fn planned(clip: &Path, text: &str, order: &[&str]) -> Pictures {
    let (file, out) = (edits_file(clip, text), clip.with_file_name("planned.mkv"));
    let output = format!("matte={}", arg(&out));
    let plan = ["plan", arg(clip), "-o", &output, "--codec", "ffv1", "--device", "cpu", "--segment-seconds", "1"];
    let printed = ok(plan.iter().chain(&FLAT).chain(&["--edits", arg(&file)]));
    assert!(String::from_utf8_lossy(&printed.stdout).contains("75 frames in 3 segments"), "{printed:?}");
    // The plan has a copy.
    std::fs::remove_file(&file).unwrap();
    let job = format!("{}.vrseg", arg(&out));
    for index in order {
        ok(["work", &job, "-q", "--index", index]);
    }
    ok(["merge", &job, "-q", "--remove"]);
    let found = decode(&out, "gray", &[]);
    std::fs::remove_file(&out).unwrap();
    found
}

#[test]
fn planned_and_segmented_jobs_with_edits_match_a_single_run() {
    let dir = folder();
    let clip = three_seconds(dir.path());
    // A stroke from the first segment into the third, and a region across a border.
    let text = "strokes:\n  - {action: keep, at: 0.8, frames: 40, width: 0.2, points: [[0.7, 0.2]]}\n\
                regions:\n  - {action: remove, from: 1.6, to: 2.4, rect: [0.4, 0.4, 0.3, 0.5]}\n";
    let made = |segments: &str| mattes(&clip, &[&FLAT[..], &["--segment-seconds", segments]].concat(), Some(text));
    let whole = made("off");
    let plain = mattes(&clip, &FLAT, None);
    assert_eq!(different(&plain, &whole), (20..60).collect::<Vec<_>>());
    assert_eq!(different(&whole, &made("1")), NONE, "in segments of a second");
    assert_eq!(different(&whole, &planned(&clip, text, &["0", "1", "2"])), NONE, "one after the other");
    assert_eq!(different(&whole, &planned(&clip, text, &["2", "1", "0"])), NONE, "the last one first");
}

/// A stroke that has ended isn't painted again by a run that begins after it.
#[test]
fn ended_stroke_stays_ended_in_later_segments_and_later_runs() {
    let dir = folder();
    let clip = three_seconds(dir.path());
    let text = "strokes:\n  - {action: keep, at: 1.04, frames: 20, width: 0.2, points: [[0.7, 0.2]]}\n";
    let whole = mattes(&clip, &FLAT, Some(text));
    let plain = mattes(&clip, &FLAT, None);
    assert_eq!(different(&plain, &whole), (26..46).collect::<Vec<_>>());
    assert_eq!(different(&whole, &planned(&clip, text, &["2", "1", "0"])), NONE);
    // Nor by one that begins less than a second after it.
    let later = [&FLAT[..], &["--ss", "2"]].concat();
    assert_eq!(different(&mattes(&clip, &later, None), &mattes(&clip, &later, Some(text))), NONE);
}

#[test]
fn changed_edits_need_no_inference_where_mattes_are_cached() {
    let dir = folder();
    let clip = pan(dir.path());
    let came = |text: &str| {
        let (file, out) = (edits_file(&clip, text), dir.path().join("out.mkv"));
        let mut program = vrseg();
        program.env("XDG_CACHE_HOME", dir.path().join("cache"));
        program.args(["--json", "-y", arg(&clip), "-o", arg(&out), "--mode", "matte", "--codec", "ffv1"]);
        let printed = program.args(FLAT).args(["--device", "cpu", "--cache", "on", "--edits", arg(&file)]).output();
        let printed = printed.expect("the program starts");
        assert!(printed.status.success(), "{}", stderr(&printed));
        let lines = String::from_utf8_lossy(&printed.stdout).into_owned();
        let mut events = lines.lines().map(|l| serde_json::from_str::<Value>(l).expect("JSON"));
        let done = events.find(|v| v["type"] == "done").expect("the job is done");
        let n = |name: &str| done["cache"][name].as_u64().expect("a number");
        (n("memory") + n("disk"), n("computed"))
    };
    assert_eq!(came("version: 1\n"), (0, 20));
    assert_eq!(came("regions:\n  - {action: remove, rect: [0, 0, 0.5, 1]}\n"), (20, 0));
    let more = "settings:\n  - {grow: 3}\nstrokes:\n  - {action: keep, at: 0.2, width: 0.1, points: [[0.5, 0.5]]}\n";
    assert_eq!(came(more), (20, 0));
}

/// The edits files that documents show are valid.
#[test]
fn documented_edits_files_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_edits = |block: &str| ["people:", "regions:", "settings:", "strokes:"].iter().any(|key| block.contains(key));
    for document in ["docs/review.md", "docs/usage_guide.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect("the document");
        let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let blocks: Vec<_> = blocks.filter(|block| is_edits(block)).collect();
        assert!(!blocks.is_empty(), "{document}");
        for block in blocks {
            if let Err((line, what)) = edits::read_text(block) {
                panic!("{document}: line {line:?}: {what}\n{block}");
            }
        }
    }
}
