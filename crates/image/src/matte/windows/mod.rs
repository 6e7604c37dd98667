//! The model's input of an eye: the eye as it is, or windows in which people are less stretched.
//!
//! A half equirectangular eye is true to shape at the horizon only; towards the poles everything is
//! drawn out sideways, twice at 60 degrees, and models that were trained on photos no longer
//! recognize a person there; a fisheye eye has black corners, which some models take for people. So
//! an eye can be split into [`Windows`]: pictures of other lenses, facing other directions,
//! that together show all that the eye shows. Each is an input of its own to the model, with a recurrent
//! state of its own. [`Viewer`] makes the windows' pictures out of the planes of a frame, [`Blender`]
//! brings their mattes back onto the eye, where each counts the more the further a direction is from
//! the window's border. Neither the model nor what comes after it knows of windows.

mod blend;
mod cameras;
#[cfg(test)]
mod tests;
mod viewer;

pub use blend::Blender;
pub use viewer::Viewer;

use crate::plane::Plane;
use crate::vr::{Camera, Lens, Picture, RemapTable};
use serde::{Deserialize, Serialize};
use std::fmt;

/// In which projection the model gets an eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// As it lies in the frame.
    #[default]
    Eye,
    /// By longitude and latitude, as VR180 and 360 lie: a fisheye is unrolled.
    Equirect,
    /// As an equidistant fisheye.
    Fisheye,
    /// In overlapping pictures as ordinary cameras make them.
    Rectilinear,
}

impl View {
    /// All of them.
    pub const ALL: [View; 4] = [View::Eye, View::Equirect, View::Fisheye, View::Rectilinear];

    /// The view of that word of the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }

    /// The word by which the command line knows it.
    pub fn name(self) -> &'static str {
        match self {
            View::Eye => "eye",
            View::Equirect => "equirect",
            View::Fisheye => "fisheye",
            View::Rectilinear => "rectilinear",
        }
    }

    /// The view to use by default instead of a model's own, where the user requested none. The two
    /// fisheyes back to back that show a whole sphere cut people in two: every model that was
    /// measured finds more in the sphere as it is.
    pub fn default_for(self, lens: Lens) -> Self {
        match (self, lens) {
            (View::Fisheye, Lens::Equirectangular) => View::Eye,
            (View::Fisheye, Lens::Part(_)) if cameras::of(self, lens).len() > 1 => View::Eye,
            _ => self,
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Samples of the eye, along a line through a window's middle, for each pixel of the window. More
/// cost time and gave no better mattes.
const DETAIL: f64 = 1.0;

/// The windows that an eye is split into. All eyes of a frame have the same ones.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Size of an eye's small picture and of its matte.
    grid: (usize, usize),
    /// Size at which an eye is sampled before the windows are cut out of it.
    detail: (usize, usize),
    /// Size of every window's picture.
    size: (usize, usize),
    /// Empty: the eye as it is.
    windows: Vec<Window>,
}

#[derive(Clone, Debug)]
struct Window {
    /// From the eye's detailed picture to the window's.
    into: RemapTable,
    /// From the window's matte to the eye's.
    back: RemapTable,
    /// How much the window counts at each sample of the eye's matte, 0..=1; over all windows the
    /// weights of a sample add up to 1, or to 0 where the eye shows nothing.
    weight: Plane<f32>,
}

impl Windows {
    /// The eye as it is, sampled at `size`.
    pub fn whole(size: (usize, usize)) -> Self {
        Self { grid: size, detail: size, size, windows: Vec::new() }
    }

    /// The windows of `view` for eyes of `eye` pixels taken by `lens`. Each window is `size` pixels
    /// large; the eye's matte gets the size `grid`.
    ///
    /// # Panics
    /// When a size has a 0, or 1 where a picture is sampled (2 x 2 is the least).
    pub fn new(view: View, lens: Lens, eye: (usize, usize), grid: (usize, usize), size: (usize, usize)) -> Self {
        let cameras = cameras::of(view, lens);
        if cameras.is_empty() {
            return Self::whole(grid);
        }
        let picture = |camera, (w, h): (usize, usize)| Picture::new(camera, w, h);
        let ahead = Camera::ahead(lens);
        let pictures: Vec<_> = cameras.iter().map(|c| picture(*c, size)).collect();
        let finest = pictures.iter().map(cameras::density).fold(0.0, f64::max);
        // Never more than there is, and at least what the matte's own small picture needs.
        let factor = (DETAIL * finest / cameras::density(&picture(ahead, grid))).max(1.0);
        let detail = |grid: usize, eye: usize| ((grid as f64 * factor).round() as usize).min(eye.max(grid));
        let detail = (detail(grid.0, eye.0), detail(grid.1, eye.1));
        let (source, matte) = (picture(ahead, detail), picture(ahead, grid));
        let weights = blend::weights(&matte, &cameras);
        let windows = pictures
            .iter()
            .zip(weights)
            .map(|(window, weight)| Window {
                into: RemapTable::new(detail, size, &|x, y| {
                    cameras::nearest_place(window, lens, x, y).map(|place| source.position_of(place))
                }),
                back: RemapTable::new(size, grid, &|x, y| {
                    cameras::seen_at(&window.camera, matte.ray(x, y)?).map(|place| window.position_of(place))
                }),
                weight,
            })
            .collect();
        Self { grid, detail, size, windows }
    }

    /// Pixels along a side of a window (all are square) so that its middle is as detailed as an eye's
    /// picture of the size `grid`; `None` where `view` shows an eye of `lens` as it is.
    pub fn side(view: View, lens: Lens, grid: (usize, usize)) -> Option<usize> {
        let camera = *cameras::of(view, lens).first()?;
        let eye = cameras::density(&Picture::new(Camera::ahead(lens), grid.0, grid.1));
        // A window's density is in proportion to its side.
        let unit = cameras::density(&Picture::new(camera, 1, 1));
        Some((eye / unit).round() as usize)
    }

    /// Size of an eye's small picture and of its matte.
    pub fn grid(&self) -> (usize, usize) {
        self.grid
    }

    /// Width and height of each window's picture, the model's input.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Number of pictures that the model gets for an eye; at least 1.
    pub fn count(&self) -> usize {
        self.windows.len().max(1)
    }

    /// Whether the eye is used as it is.
    pub fn is_whole(&self) -> bool {
        self.windows.is_empty()
    }
}
