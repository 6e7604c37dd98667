//! What the frame's size and shape suggest, after the habits of players: where nothing else is known,
//! 2:1 is VR180 side by side, 1:1 is 360 top-bottom, 3.2:1 and wider is two flat pictures beside
//! each other.

use super::Clues;
use crate::vr::{Layout, Packing, Projection};

/// How far a ratio of width to height may be off.
const TOLERANCE: f64 = 0.02;
/// Lines from which on an unnamed 2:1 frame is VR and not a wide film.
const VR_LINES: usize = 1080;
/// Width from which on an unnamed square frame is VR.
const SPHERE_WIDTH: usize = 2880;

fn ratio(clues: &Clues<'_>) -> f64 {
    clues.width as f64 / clues.height.max(1) as f64
}

fn near(ratio: f64, want: f64) -> bool {
    (ratio / want - 1.0).abs() <= TOLERANCE
}

/// The layout, where nothing states it; `projection` where something states that.
pub(super) fn layout(clues: &Clues<'_>, projection: Option<Projection>) -> Layout {
    let ratio = ratio(clues);
    match projection {
        // Square views. 16:9 comes from sites that know no other shape, of two squeezed eyes.
        Some(Projection::HalfEquirectangular | Projection::Fisheye { .. }) => match ratio {
            r if r >= 1.4 => Layout::SideBySide,
            r if r <= 0.7 => Layout::TopBottom,
            _ => Layout::Mono,
        },
        // Views of 2:1.
        Some(Projection::Equirectangular) => match ratio {
            r if r >= 3.2 => Layout::SideBySide,
            r if r <= 1.2 => Layout::TopBottom,
            _ => Layout::Mono,
        },
        Some(p @ (Projection::EquirectangularPart(_) | Projection::FullFrameFisheye { .. })) => {
            let one = natural(p);
            let far = |want: f64| (ratio / want).ln().abs();
            let rest = [(Layout::SideBySide, 2.0 * one), (Layout::TopBottom, one / 2.0)];
            let near_two = rest.into_iter().filter(|(_, want)| near(ratio, *want));
            near_two.min_by(|a, b| far(a.1).total_cmp(&far(b.1))).map_or(Layout::Mono, |(layout, _)| layout)
        }
        Some(Projection::Flat) => {
            if ratio >= 3.2 {
                Layout::SideBySide
            } else {
                Layout::Mono
            }
        }
        None if ratio >= 3.2 || near(ratio, 2.0) && clues.height >= VR_LINES => Layout::SideBySide,
        None if near(ratio, 1.0) && clues.width >= SPHERE_WIDTH => Layout::TopBottom,
        None => Layout::Mono,
    }
}

/// The projection, where nothing states it.
pub(super) fn projection(clues: &Clues<'_>, layout: Layout) -> Projection {
    let ratio = ratio(clues);
    let large = clues.height >= VR_LINES;
    match layout {
        Layout::SideBySide if near(ratio, 2.0) => Projection::HalfEquirectangular,
        Layout::SideBySide if near(ratio, 4.0) && large => Projection::Equirectangular,
        Layout::TopBottom if near(ratio, 1.0) => Projection::Equirectangular,
        Layout::TopBottom if near(ratio, 0.5) => Projection::HalfEquirectangular,
        Layout::Mono if near(ratio, 2.0) && large => Projection::Equirectangular,
        _ => Projection::Flat,
    }
}

/// Whether each view is about square.
pub(super) fn is_square(clues: &Clues<'_>, layout: Layout) -> bool {
    (0.9..=1.1).contains(&view_ratio(clues, layout))
}

fn view_ratio(clues: &Clues<'_>, layout: Layout) -> f64 {
    match layout {
        Layout::Mono => ratio(clues),
        Layout::SideBySide => ratio(clues) / 2.0,
        Layout::TopBottom => ratio(clues) * 2.0,
    }
}

/// Whether the views have just the shape that a sphere's projection asks for.
pub(super) fn fits(clues: &Clues<'_>, layout: Layout, projection: Projection) -> bool {
    match projection {
        Projection::HalfEquirectangular | Projection::Fisheye { .. } => near(view_ratio(clues, layout), 1.0),
        Projection::Equirectangular => near(view_ratio(clues, layout), 2.0),
        Projection::EquirectangularPart(_) | Projection::FullFrameFisheye { .. } => {
            near(view_ratio(clues, layout), natural(projection))
        }
        Projection::Flat => false,
    }
}

/// Width over height of a view with as many pixels for each degree across as down; of a flat one the usual.
fn natural(projection: Projection) -> f64 {
    match projection {
        Projection::HalfEquirectangular | Projection::Fisheye { .. } => 1.0,
        Projection::Equirectangular => 2.0,
        Projection::EquirectangularPart(part) => part.across() / part.down(),
        Projection::FullFrameFisheye { h_fov, v_fov } => f64::from(h_fov) / f64::from(v_fov),
        Projection::Flat => 16.0 / 9.0,
    }
}

/// Full, unless a view is nearer to half its natural width or height.
pub(super) fn packing(clues: &Clues<'_>, layout: Layout, projection: Projection) -> Packing {
    let view = view_ratio(clues, layout);
    let natural = natural(projection);
    let squeezed = match layout {
        Layout::Mono => return Packing::Full,
        Layout::SideBySide => natural / 2.0,
        Layout::TopBottom => natural * 2.0,
    };
    let far = |want: f64| (view / want).ln().abs();
    if far(squeezed) < far(natural) { Packing::Half } else { Packing::Full }
}
