//! People that the detector misses: regions of the edits in which the models are to find somebody.

use super::{FramePerson, disparity};
use crate::edits::{EditEye, Edits, RegionEdit};
use crate::plan::SmallView;
use vrseg_image::edits::Action;
use vrseg_image::matte::people::{Region, Surface};
use vrseg_image::vr::EyeOrder;

/// Number of the first of them. Tracks count from 0 on and never reach it; what is calculated from it doesn't overflow.
pub(super) const FIRST_TRACK: u64 = 1 << 48;

/// Adds people by hand. It has no memory: a frame is enough.
#[derive(Debug)]
pub struct AddedPeople {
    surface: Surface,
    order: EyeOrder,
    regions: Vec<(RegionEdit, Region)>,
    /// The numbers of those that counted on the frame before.
    before: Vec<usize>,
}

impl AddedPeople {
    /// For views that show `surface`; `None` where nobody is added.
    pub fn new(edits: &Edits, surface: Surface, order: EyeOrder) -> Option<Self> {
        let finds = edits.regions.iter().filter(|r| r.action == Action::Find);
        let regions: Vec<_> = finds.filter_map(|r| Some((r.clone(), r.area()?.region(&surface)?))).collect();
        (!regions.is_empty()).then_some(Self { surface, order, regions, before: Vec::new() })
    }

    /// Whether others are added at a time (seconds of the source) than on the frame before: mattes can't be propagated to it.
    pub fn change(&mut self, seconds: f64) -> bool {
        let now: Vec<_> = (0..self.regions.len()).filter(|n| self.regions[*n].0.is_active(seconds)).collect();
        let changed = now != self.before;
        self.before = now;
        changed
    }

    /// Adds to a frame's people those of this time (seconds of the source).
    pub fn add(&self, people: &mut Vec<FramePerson>, views: &[SmallView], seconds: f64) {
        let active = self.regions.iter().enumerate().filter(|(_, (edit, _))| edit.is_active(seconds));
        for (n, (edit, region)) in active {
            let by = match (edit.eye, views) {
                (EditEye::Both, [first, second]) => disparity(&self.surface, region, first, second),
                _ => 0.0,
            };
            for eye in edit.eye.numbers(views.len(), self.order == EyeOrder::RightFirst) {
                let region = if eye == 1 { self.surface.moved(region, by, 0.0) } else { *region };
                let track = FIRST_TRACK + n as u64;
                let (crop_region, strength, sure, hidden) = (region, 1.0, true, false);
                people.push(FramePerson { track, eye, region, crop_region, strength, sure, hidden });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edits::read_text;

    #[test]
    fn somebody_is_added_in_their_time_and_eyes() {
        let text = "regions:\n\
                    - {action: find, from: 1, to: 2, rect: [0.25, 0.5, 0.25, 0.5], eye: same}\n\
                    - {action: find, rect: [0.5, 0.5, 0.25, 0.5], eye: right}\n\
                    - {action: keep, rect: [0, 0, 1, 1]}\n";
        let edits = read_text(text).expect("edits");
        let surface = Surface::new(None, 400, 200);
        let views: Vec<_> = (0..2).map(|_| SmallView::default()).collect();
        let mut added = AddedPeople::new(&edits, surface, EyeOrder::LeftFirst).expect("somebody is added");
        assert_eq!([0.5, 0.6, 1.0, 1.9, 2.0].map(|t| added.change(t)), [true, false, true, false, true]);
        let at = |seconds: f64| {
            let mut people = Vec::new();
            added.add(&mut people, &views, seconds);
            people.iter().map(|p| (p.track - FIRST_TRACK, p.eye, p.region.center[0])).collect::<Vec<_>>()
        };
        assert_eq!(at(0.5), [(1, 1, 250.0)]);
        assert_eq!(at(1.0), [(0, 0, 150.0), (0, 1, 150.0), (1, 1, 250.0)]);
        assert_eq!(at(2.0), [(1, 1, 250.0)]);
        let none = read_text("regions: [{action: keep, rect: [0, 0, 1, 1]}]").expect("edits");
        assert!(AddedPeople::new(&none, surface, EyeOrder::LeftFirst).is_none());
    }
}
