//! What a few decoded frames show, where neither container nor name decides.

use super::{Clues, USUAL_FOV, shape};
use crate::vr::circle::CornerContent;
use crate::vr::format::{Confidence, Evidence, Finding};
use crate::vr::halves::Comparison;
use crate::vr::layout::Layout;
use crate::vr::projection::Projection;

/// Examines a few frames of the video. Each question decodes them, and is asked only where the answer decides
/// something; `None`: unknown.
pub trait Examine {
    /// Whether every view of that layout shows a fisheye's circle.
    fn circles(&mut self, layout: Layout) -> Option<CornerContent>;
    /// How alike the halves are that would be the views of that layout.
    fn halves(&mut self, layout: Layout) -> Option<Comparison>;
}

/// Examines circles only.
pub(super) struct CirclesOnly<'a>(pub &'a mut dyn FnMut(Layout) -> Option<CornerContent>);

impl Examine for CirclesOnly<'_> {
    fn circles(&mut self, layout: Layout) -> Option<CornerContent> {
        (self.0)(layout)
    }

    fn halves(&mut self, _: Layout) -> Option<Comparison> {
        None
    }
}

const CIRCLE: &str = "a fisheye's circle in each view";
const ALIKE: &str = "two halves that are alike";
const PANORAMA: &str = "halves that differ, and left and right borders that meet";
const DIFFERENT: &str = "halves that differ";

/// Layout and projection as far as they are known.
pub(super) struct Known {
    pub layout: Finding<Layout>,
    pub projection: Option<Finding<Projection>>,
    /// Nothing but a projection that vrseg can't work on is stated.
    pub refused: bool,
}

impl Known {
    /// Adds what the picture shows.
    pub(super) fn examine(&mut self, clues: &Clues<'_>, picture: &mut dyn Examine, warnings: &mut Vec<String>) {
        let compared = if self.is_open(clues) { picture.halves(self.layout.value) } else { None };
        if compared.is_some_and(|c| c.is_unlike()) && self.layout.value == Layout::TopBottom {
            self.layout = Finding::new(Layout::Mono, Evidence::Pixels(DIFFERENT));
        }
        self.check_for_circles(clues, compared, picture, warnings);
        if let (Some(compared), None) = (compared, &self.projection) {
            self.go_by_halves(clues, compared, warnings);
        }
    }

    /// Whether layout and projection rest on nothing but the frame's shape, and that is one of stereo VR.
    fn is_open(&self, clues: &Clues<'_>) -> bool {
        let by_shape = self.layout.evidence == Evidence::Shape && self.layout.confidence == Confidence::Guess;
        let views = (self.layout.value, shape::projection(clues, self.layout.value));
        let stereo = matches!(
            views,
            (Layout::SideBySide, Projection::HalfEquirectangular) | (Layout::TopBottom, Projection::Equirectangular)
        );
        by_shape && stereo && self.projection.is_none() && !self.refused
    }

    /// Looks for circles where a half-equirectangular view is all that speaks against a fisheye.
    fn check_for_circles(
        &mut self,
        clues: &Clues<'_>,
        compared: Option<Comparison>,
        picture: &mut dyn Examine,
        warnings: &mut Vec<String>,
    ) {
        let layout = self.layout.value;
        let suspect = match &self.projection {
            _ if self.refused => false,
            Some(p) => p.value == Projection::HalfEquirectangular && matches!(p.evidence, Evidence::FileName(_)),
            None => {
                let one_view = compared.is_some() && layout == Layout::Mono;
                one_view || shape::projection(clues, layout) == Projection::HalfEquirectangular
            }
        };
        if !suspect || !shape::is_square(clues, layout) || picture.circles(layout) != Some(CornerContent::Circle) {
            return;
        }
        if let Some(p) = &self.projection {
            warnings.push(format!(
                "{} says {}, but the picture shows {CIRCLE}; give --projection fisheye --fov DEGREES if it is one",
                p.evidence.subject(),
                p.value
            ));
            return;
        }
        if self.layout.confidence == Confidence::Guess {
            self.layout = Finding::new(layout, Evidence::Pixels(CIRCLE));
        }
        warnings.push(format!(
            "the picture shows {CIRCLE} of unknown field of view; assuming {USUAL_FOV} degrees, --fov sets it"
        ));
        if layout != Layout::Mono && compared.is_some_and(|c| !c.is_alike()) {
            warnings.push(
                "the two circles differ: if they are a 360 camera's two lenses, stitch the video to equirectangular \
                 first"
                    .to_owned(),
            );
        }
        self.projection = Some(Finding::new(Projection::Fisheye { fov: USUAL_FOV }, Evidence::Pixels(CIRCLE)));
    }

    /// Takes alike halves for two views. Where they differ, it is one view: a panorama if its borders meet, else
    /// most likely a flat picture.
    fn go_by_halves(&mut self, clues: &Clues<'_>, compared: Comparison, warnings: &mut Vec<String>) {
        if compared.is_alike() {
            let projection = shape::projection(clues, self.layout.value);
            self.layout = Finding::new(self.layout.value, Evidence::Pixels(ALIKE));
            self.projection = Some(Finding::new(projection, Evidence::Pixels(ALIKE)));
            return;
        }
        if !compared.is_unlike() {
            return;
        }
        if self.layout.value == Layout::SideBySide && compared.borders_meet() {
            self.layout = Finding::new(Layout::Mono, Evidence::Pixels(PANORAMA));
            self.projection = Some(Finding::new(Projection::Equirectangular, Evidence::Pixels(PANORAMA)));
            return;
        }
        let other = if self.layout.value == Layout::SideBySide { "equirect" } else { "hequirect" };
        warnings.push(format!(
            "the projection is unknown, and the picture's halves differ: assuming one flat view; if it is VR, set \
             --projection {other}"
        ));
        self.layout = Finding::new(Layout::Mono, Evidence::Pixels(DIFFERENT));
        let evidence = Evidence::Pixels(DIFFERENT);
        self.projection = Some(Finding { value: Projection::Flat, evidence, confidence: Confidence::Guess });
    }
}
