//! Tracks, through the frames of small scenes.

use super::*;
use crate::plane::Plane;

const W: usize = 200;
const H: usize = 100;
const TRUST: Trust = Trust::DETECTOR_ALONE;

fn surface() -> Surface {
    Surface::new(None, W, H)
}

/// A picture in which somebody with a pattern stands at (x, y), 20 wide and 40 high.
fn picture(x: f64, y: f64) -> Plane<f32> {
    let value = |i: usize| {
        let (px, py) = ((i % W) as f64 + 0.5 - x, (i / W) as f64 + 0.5 - y);
        let inside = (0.0..20.0).contains(&px) && (0.0..40.0).contains(&py);
        if inside { 0.5 + 0.3 * ((px * 0.21).sin() + (py * 0.13).cos()) as f32 } else { 0.1 }
    };
    Plane::from_vec((0..W * H).map(value).collect(), W, H)
}

fn found(score: f32, x: f64, y: f64) -> PersonBox {
    PersonBox { score, region: Region { center: [x + 10.0, y + 20.0, 0.0], half: [11.0, 21.0] }, cut: [false; 4] }
}

/// A frame in which the detector finds `boxes`, or doesn't look.
fn frame(tracks: &mut Tracks, x: f64, boxes: Option<&[PersonBox]>) -> Vec<u64> {
    let (surface, luma) = (surface(), picture(x, 20.0));
    tracks.step(&surface, &luma);
    let new = boxes.map(|boxes| tracks.found(&surface, boxes, |_| true, TRUST, false)).unwrap_or_default();
    tracks.finish(&surface, &luma);
    new
}

#[test]
fn people_are_tracked_between_detection_passes() {
    let mut tracks = Tracks::new();
    assert_eq!(frame(&mut tracks, 30.0, Some(&[found(0.8, 30.0, 20.0)])), [0]);
    for t in 1..10 {
        frame(&mut tracks, 30.0 + 2.0 * f64::from(t), None);
    }
    let track = &tracks.all()[0];
    assert!((track.region.center[0] - 58.0).abs() < 1.5, "{:?}", track.region);
    assert!((track.crop_region.center[0] - 58.0).abs() < 4.0, "{:?}", track.crop_region);
    assert!(
        frame(&mut tracks, 50.0, Some(&[found(0.3, 50.0, 20.0)])).is_empty(),
        "less sure is enough for who is known"
    );
    assert_eq!((tracks.all().len(), tracks.all()[0].strength), (1, 1.0));
}

#[test]
fn low_scores_start_no_track_and_medium_ones_wait_for_confirmation() {
    let mut tracks = Tracks::new();
    assert!(frame(&mut tracks, 30.0, Some(&[found(0.28, 30.0, 20.0)])).is_empty());
    assert_eq!(frame(&mut tracks, 30.0, Some(&[found(0.37, 30.0, 20.0)])), [0]);
    frame(&mut tracks, 30.0, None);
    assert_eq!(tracks.all()[0].strength, 0.0);
    frame(&mut tracks, 30.0, Some(&[found(0.38, 30.0, 20.0)]));
    frame(&mut tracks, 30.0, None);
    assert_eq!(tracks.all()[0].strength, 0.0, "the same doubt twice is no certainty");
    frame(&mut tracks, 30.0, Some(&[found(0.45, 30.0, 20.0)]));
    frame(&mut tracks, 30.0, None);
    assert!(tracks.all()[0].strength > 0.0);
    let mut doubted = Tracks::new();
    frame(&mut doubted, 30.0, Some(&[found(0.37, 30.0, 20.0)]));
    frame(&mut doubted, 30.0, Some(&[]));
    frame(&mut doubted, 30.0, None);
    assert!(doubted.all().is_empty(), "nobody saw them again");
}

#[test]
fn people_missed_for_ten_frames_stay_and_then_fade() {
    let mut tracks = Tracks::new();
    frame(&mut tracks, 30.0, Some(&[found(0.8, 30.0, 20.0)]));
    for _ in 0..4 {
        frame(&mut tracks, 30.0, None);
    }
    for _ in 0..10 {
        frame(&mut tracks, 30.0, Some(&[]));
        assert_eq!(tracks.all()[0].strength, 1.0);
    }
    let mut strengths = Vec::new();
    for _ in 0..10 {
        frame(&mut tracks, 30.0, Some(&[]));
        strengths.extend(tracks.all().iter().map(|t| t.strength));
    }
    assert!(strengths.len() < 6 && strengths.windows(2).all(|s| s[1] <= s[0]), "{strengths:?}");
}

#[test]
fn windows_stand_still_while_people_stay_near() {
    let mut tracks = Tracks::new();
    frame(&mut tracks, 30.0, Some(&[found(0.8, 30.0, 20.0)]));
    let before = tracks.all()[0].crop_region;
    frame(&mut tracks, 31.0, None);
    assert_eq!(tracks.all()[0].crop_region, before);
    frame(&mut tracks, 36.0, None);
    assert_ne!(tracks.all()[0].crop_region, before);
}

#[test]
fn largest_person_stays_until_another_is_clearly_larger() {
    let surface = surface();
    let mut tracks = Tracks::new();
    let large = |side: f64, x: f64| PersonBox {
        score: 0.8,
        region: Region { center: [x, 50.0, 0.0], half: [side / 2.0; 2] },
        cut: [false; 4],
    };
    tracks.found(&surface, &[large(20.0, 20.0), large(30.0, 70.0)], |_| true, TRUST, true);
    assert_eq!(tracks.largest(1), [1]);
    assert_eq!(tracks.largest(5).len(), 2);
    tracks.largest(1);
    tracks.found(&surface, &[large(20.0, 20.0), large(30.0, 70.0), large(34.0, 140.0)], |_| true, TRUST, true);
    assert_eq!(tracks.largest(1), [1], "a little larger isn't enough");
    tracks.found(&surface, &[large(30.0, 70.0), large(60.0, 140.0)], |_| true, TRUST, true);
    assert_eq!(tracks.largest(1), [2]);
}

#[test]
fn reset_drops_tracks_and_never_reuses_ids() {
    let mut tracks = Tracks::new();
    frame(&mut tracks, 30.0, Some(&[found(0.8, 30.0, 20.0)]));
    tracks.reset();
    assert!(tracks.all().is_empty());
    assert_eq!(frame(&mut tracks, 30.0, Some(&[found(0.8, 30.0, 20.0)])), [1], "numbers are not given twice");
}

#[test]
fn sides_at_which_a_view_ends_only_move_outwards() {
    let surface = surface();
    let mut tracks = Tracks::new();
    tracks.found(&surface, &[found(0.8, 30.0, 20.0)], |_| true, TRUST, true);
    let upper = PersonBox {
        region: Region { center: [40.0, 30.0, 0.0], half: [11.0, 11.0] },
        cut: [false, false, false, true],
        ..found(0.8, 0.0, 0.0)
    };
    tracks.found(&surface, &[upper], |_| true, TRUST, false);
    let region = tracks.all()[0].region;
    assert!((region.center[1] + region.half[1] - 61.0).abs() < 1e-6, "the legs stay: {region:?}");
    assert_eq!(tracks.all().len(), 1);
}

#[test]
fn views_that_see_parts_of_somebody_are_put_together() {
    let surface = surface();
    let part = |top: f64, bottom: f64, cut: [bool; 4]| PersonBox {
        score: 0.6,
        region: Region { center: [50.0, (top + bottom) / 2.0, 0.0], half: [10.0, (bottom - top) / 2.0] },
        cut,
    };
    let parts = vec![part(10.0, 60.0, [false, false, false, true]), part(40.0, 90.0, [false, true, false, false])];
    let merged = merge_views(&surface, parts);
    assert_eq!(merged.len(), 1);
    let region = merged[0].region;
    assert!((region.center[1] - 50.0).abs() < 1e-9 && (region.half[1] - 40.0).abs() < 1e-9, "{region:?}");
    assert_eq!(merged[0].cut, [false; 4]);
    let whole = found(0.5, 40.0, 30.0);
    let merged = merge_views(&surface, vec![part(30.0, 50.0, [false, false, false, true]), whole]);
    assert_eq!(merged.len(), 1);
    assert_eq!(merged[0].region, whole.region, "what a view shows whole counts");
}

#[test]
fn uncertain_people_appear_once_confirmed_and_are_rechecked_less_often() {
    let mut tracks = Tracks::new();
    let detect = |tracks: &mut Tracks, score: f32| {
        let (surface, luma) = (surface(), picture(30.0, 20.0));
        tracks.step(&surface, &luma);
        tracks.found(&surface, &[found(score, 30.0, 20.0)], |_| true, Trust::VERIFIED, false);
        tracks.finish(&surface, &luma);
    };
    detect(&mut tracks, 0.45);
    let mut verified = Vec::new();
    for frame in 0..40 {
        if let Some(id) = tracks.unverified().map(|track| track.id) {
            tracks.verify(&surface(), id, 0.3, false);
            verified.push(frame);
        }
        detect(&mut tracks, 0.45);
    }
    assert_eq!(tracks.all()[0].strength, 0.0);
    assert_eq!(verified, [0, 4, 12, 28]);
    let id = tracks.all()[0].id;
    tracks.verify(&surface(), id, 1.6, false);
    detect(&mut tracks, 0.45);
    assert!(tracks.all()[0].strength > 0.0 && tracks.unverified().is_none());
}

#[test]
fn rejected_people_are_rechecked_when_their_score_rises() {
    let refused = || {
        let mut tracks = Tracks::new();
        tracks.found(&surface(), &[found(0.35, 30.0, 20.0)], |_| true, Trust::VERIFIED, false);
        tracks.verify(&surface(), 0, 0.3, false);
        assert!(tracks.unverified().is_none());
        tracks
    };
    for (score, again) in [(0.40, false), (0.50, true)] {
        let mut tracks = refused();
        tracks.found(&surface(), &[found(score, 30.0, 20.0)], |_| true, Trust::VERIFIED, false);
        assert_eq!(tracks.unverified().is_some(), again, "{score}");
    }
    let mut tracks = refused();
    let verified: Vec<_> = (0..12)
        .filter(|_| {
            frame(&mut tracks, 30.0, None);
            tracks.unverified().is_some()
        })
        .collect();
    assert_eq!(verified, [3, 4, 5, 6, 7], "after the wait, and not for ever");
}

#[test]
fn people_with_a_high_score_need_less_of_a_second_opinion() {
    for (score, seen, confirmed) in [(0.5, 1.4, false), (0.5, 1.5, true), (0.6, 0.8, false), (0.6, 1.0, true)] {
        let mut tracks = Tracks::new();
        tracks.found(&surface(), &[found(score, 30.0, 20.0)], |_| true, Trust::VERIFIED, true);
        tracks.verify(&surface(), 0, seen, true);
        assert_eq!(tracks.all()[0].strength > 0.0, confirmed, "{score} and {seen}");
    }
}

#[test]
fn rejected_people_who_move_are_rechecked_elsewhere() {
    let rechecked = |step: f64| {
        let mut tracks = Tracks::new();
        let at = |frame: u32| 30.0 + step * f64::from(frame);
        frame(&mut tracks, at(0), None);
        let box_at = |frame: u32| [found(0.35, at(frame), 20.0)];
        tracks.found(&surface(), &box_at(0), |_| true, Trust::VERIFIED, false);
        let mut verified = Vec::new();
        for n in 1..24 {
            let (surface, luma) = (surface(), picture(at(n), 20.0));
            tracks.step(&surface, &luma);
            tracks.found(&surface, &box_at(n), |_| true, Trust::VERIFIED, false);
            if let Some(id) = tracks.unverified().map(|track| track.id) {
                tracks.verify(&surface, id, 0.3, false);
                verified.push(n);
            }
            tracks.finish(&surface, &luma);
        }
        verified
    };
    assert_eq!(rechecked(0.0), [1, 5, 13]);
    assert_eq!(rechecked(4.0), [1, 3, 5, 7, 9, 11, 13, 15], "in each place, and not for ever");
}

#[test]
fn person_in_a_rejected_box_is_a_new_candidate() {
    let start = |score: f32| {
        let mut tracks = Tracks::new();
        let whole = Region { center: [100.0, 50.0, 0.0], half: [90.0, 45.0] };
        tracks.found(&surface(), &[PersonBox { region: whole, ..found(score, 0.0, 0.0) }], |_| true, TRUST, true);
        tracks.found(&surface(), &[found(0.45, 80.0, 30.0)], |_| true, TRUST, false);
        tracks.all().len()
    };
    assert_eq!(start(0.35), 2);
    assert_eq!(start(0.9), 1, "who is surely there has parts");
}

#[test]
fn unconfirmed_parts_of_a_confirmed_person_are_dropped() {
    let left = |x: f64, part: [f64; 2]| {
        let mut tracks = Tracks::new();
        let whole = Region { center: [50.0, 50.0, 0.0], half: [20.0, 40.0] };
        let smaller = Region { center: [x, 50.0, 0.0], half: part };
        let boxes =
            [(0.5, whole), (0.4, smaller)].map(|(score, region)| PersonBox { region, ..found(score, 0.0, 0.0) });
        tracks.found(&surface(), &boxes, |_| true, Trust::VERIFIED, true);
        assert_eq!(tracks.all().len(), 2);
        let id = tracks.unverified().map(|track| track.id).expect("somebody to verify");
        tracks.verify(&surface(), id, 1.6, true);
        tracks.all().len()
    };
    assert_eq!(left(50.0, [9.0, 15.0]), 1, "a leg");
    assert_eq!(left(35.0, [5.0, 38.0]), 1, "an arm");
    assert_eq!(left(64.5, [12.0, 30.0]), 2, "somebody in front of them");
}

#[test]
fn somebody_is_followed_back_until_they_leave_the_picture() {
    // They enter from the right, 3 samples a frame, and are found in the ninth frame.
    let at = |frame: i32| 194.0 - 3.0 * f64::from(frame);
    let mut tracks = Tracks::new();
    frame(&mut tracks, at(8), Some(&[found(0.9, at(8), 20.0)]));
    let mut back = tracks.all()[0].backward();
    assert!(back.is_certain());
    let mut seen = Vec::new();
    for frame in (0..8).rev() {
        if !back.step_back(&surface(), &picture(at(frame), 20.0)) {
            break;
        }
        seen.push(frame);
        let off = back.region_in(&surface(), 0).center[0] - at(frame) - 10.0;
        assert!(off.abs() <= 4.0, "frame {frame}: {off} pixels beside them");
        let crop = back.crop_region_in(&surface(), 0).center[0] - at(frame) - 10.0;
        assert!(crop.abs() <= 8.0, "frame {frame}: the crop is {crop} pixels beside them");
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2], "in the frame before these their middle is beyond the border");
}
