//! Models look at each person, within the stage `matte`: the detector, the networks that see people
//! singly, and the tracks that connect frames. Everything that depends on the frame before is in
//! [`People`], and it works on one frame after the other.

mod detect;
mod state;

pub use state::{CropState, PeopleState};

use crate::error::Result;
use crate::graph::order::make_ahead;
use crate::plan::{PeoplePlan, SmallView, Views};
use crate::spec::PeopleToKeep;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vrseg_image::matte::people::{
    CropRect, CropSampler, PersonLayers, PersonMatte, SourceFormat, Track, Tracks, shift, tiles,
};
use vrseg_image::matte::rotate;
use vrseg_image::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout};
use vrseg_image::vr::Projection;
use vrseg_infer::provider::SessionOptions;
use vrseg_infer::{Batch, Detector, Kind, Network, States};

/// The crop around people of whom no model sees a crop.
const CONTEXT: f32 = 1.4;
/// How far apart the eyes may see somebody, as a share of an eye's width.
const REACH: f32 = 0.06;

/// A network that sees people singly.
struct CropModel {
    network: Network,
    /// What it was shown of each person in each eye.
    crops: BTreeMap<(u64, usize), TrackedCrop>,
}

/// One person in one eye, as a network is shown them.
struct TrackedCrop {
    cell: CropRect,
    size: (usize, usize),
    states: States,
}

/// Finds people and looks at each of them.
pub struct People {
    detector: Detector,
    models: Vec<CropModel>,
    tracks: Tracks,
    layers: Vec<PersonLayers>,
    /// One for each thread that cuts.
    cutters: Vec<CropSampler>,
    /// Brings mattes back.
    fitter: CropSampler,
    rects: Vec<Rect>,
    grid: (usize, usize),
    form: SourceFormat,
    tiles: Vec<[f32; 4]>,
    keep: PeopleToKeep,
    batch: Batch,
    /// Buffers for the networks' inputs that are free.
    pictures: Mutex<Vec<Vec<f32>>>,
    alphas: Vec<Plane<f32>>,
    /// Those of the crops.
    mattes: Vec<Plane<f32>>,
}

/// A crop that a network is shown.
#[derive(Clone, Copy, Debug)]
struct Crop {
    /// Which network, which eye and which track.
    at: usize,
    eye: usize,
    track: usize,
    cell: CropRect,
    /// The model's input.
    size: (usize, usize),
}

impl People {
    /// Loads the networks for the views of a job. So many threads cut out what the networks see.
    ///
    /// # Errors
    /// As [`Network::load`].
    pub fn new(
        plan: &PeoplePlan,
        options: &SessionOptions,
        views: &Views,
        projection: Projection,
        (layout, color): (YuvLayout, YuvColor),
        threads: usize,
    ) -> Result<Self> {
        // They are shown one crop at a time.
        let options = &SessionOptions { pictures: 1, ..options.clone() };
        let models = plan
            .networks
            .iter()
            .map(|model| Ok(CropModel { network: Network::load(model, options)?, crops: BTreeMap::new() }))
            .collect::<Result<_>>()?;
        let rect = views.rects[0];
        Ok(Self {
            detector: Detector::load(&plan.detector, options)?,
            models,
            tracks: Tracks::new(plan.every),
            layers: views.rects.iter().map(|_| PersonLayers::default()).collect(),
            cutters: std::iter::repeat_with(CropSampler::default).take(threads.max(1)).collect(),
            fitter: CropSampler::default(),
            rects: views.rects.clone(),
            grid: views.size(),
            form: SourceFormat { layout, color, rotation: views.rotation },
            tiles: tiles(projection.lens().is_none(), rect.w as f32 / rect.h as f32),
            keep: plan.keep,
            batch: Batch::default(),
            pictures: Mutex::default(),
            alphas: Vec::new(),
            mattes: Vec::new(),
        })
    }

    /// Every network carries its own state from frame to frame.
    pub fn is_recurrent(&self) -> bool {
        // Without crops only what the detector sees changes.
        self.models.iter().all(|c| c.network.manifest().kind == Kind::Recurrent)
    }

    /// What was done since the last call because a device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        let of = |c: &mut CropModel| {
            let name = c.network.manifest().name.clone();
            c.network.take_notes().into_iter().map(move |note| format!("{name}: {note}"))
        };
        self.detector.take_notes().into_iter().chain(self.models.iter_mut().flat_map(of)).collect()
    }

    /// What is known before the next frame.
    ///
    /// # Errors
    /// The networks' states can't be brought from the device.
    pub fn state(&self) -> Result<PeopleState> {
        let one = |network: &Network, person: (u64, usize), crop: &TrackedCrop| -> Result<CropState> {
            Ok(CropState { person, cell: crop.cell, size: crop.size, states: network.save(&crop.states)? })
        };
        let all = |c: &CropModel| c.crops.iter().map(|(person, crop)| one(&c.network, *person, crop)).collect();
        Ok(PeopleState { tracks: self.tracks.clone(), crops: self.models.iter().map(all).collect::<Result<_>>()? })
    }

    /// Resumes from there; `None`: nothing is known.
    ///
    /// # Errors
    /// The states are not the networks'.
    pub fn remember(&mut self, past: Option<&PeopleState>) -> Result<()> {
        self.tracks = past.map_or_else(|| self.tracks.like_new(), |past| past.tracks.clone());
        for (i, CropModel { network, crops }) in self.models.iter_mut().enumerate() {
            crops.clear();
            for one in past.and_then(|past| past.crops.get(i)).into_iter().flatten() {
                let states = network.restore(&one.states)?;
                crops.insert(one.person, TrackedCrop { cell: one.cell, size: one.size, states });
            }
        }
        Ok(())
    }

    /// Looks models at everybody in a frame whose mattes are those of the whole eyes, and betters these.
    ///
    /// # Errors
    /// What the networks say.
    pub fn look(&mut self, planes: &Yuv<'_>, views: &mut [SmallView], cut: bool) -> Result<()> {
        if cut {
            self.tracks.reset();
            self.models.iter_mut().for_each(|c| c.crops.clear());
        }
        if self.tracks.step() {
            let spots = self.spots(planes)?;
            let new = self.tracks.found(&spots);
            if let [first, second] = &*views {
                // Where eyes lie above each other in a turned frame, they are apart along the columns.
                let along_rows = self.form.rotation % 180 == 0;
                let reach = if along_rows { (REACH * self.grid.0 as f32) as usize } else { 0 };
                for track in self.tracks.all_mut() {
                    let by = shift(&first.yuv.y, &second.yuv.y, track.sides, reach);
                    track.set_shift(by, new.contains(&track.id));
                }
            }
        }
        let tracks = self.tracks.all().to_vec();
        let ratio = self.ratio();
        for model in &mut self.models {
            model.crops.retain(|(id, _), _| tracks.iter().any(|t| t.id == *id));
        }
        let mut seen = Vec::new();
        let mut crops = Vec::new();
        let networks = self.models.len();
        for (eye, at) in (0..views.len()).flat_map(|eye| (0..networks).map(move |at| (eye, at))) {
            for (i, track) in tracks.iter().enumerate() {
                let cell = self.cell(at, eye, track, ratio);
                if (eye, at) == (0, 0) {
                    seen.push(cell);
                }
                let size = if self.adds(at, cell) { Some(self.input_size(at, eye, cell)?) } else { None };
                if let Some(crop) = self.models[at].crops.get_mut(&(track.id, eye))
                    && size.is_none_or(|size| size != crop.size)
                {
                    // States have the input's shape; what is remembered of a crop that is not shown is old when it
                    // is shown again.
                    crop.states.reset();
                    crop.size = size.unwrap_or(crop.size);
                }
                crops.extend(size.map(|size| Crop { at, eye, track: i, cell, size }));
            }
        }
        self.show(&crops, &tracks, planes)?;
        for (eye, view) in views.iter_mut().enumerate() {
            let (width, height) = self.grid;
            self.layers[eye].begin(width, height);
            for at in 0..self.models.len() {
                let pieces = crops.iter().zip(&self.mattes).filter(|(s, _)| (s.eye, s.at) == (eye, at));
                let pieces = pieces.map(|(crop, matte)| {
                    let track = &tracks[crop.track];
                    PersonMatte { cell: crop.cell, sides: track.sides_in(eye), strength: track.strength, matte }
                });
                self.layers[eye].add(&view.alpha, pieces);
            }
            self.layers[eye].finish(&mut view.alpha);
        }
        if self.models.is_empty() {
            seen = tracks.iter().map(|t| CropRect::around(t.sides, CONTEXT, self.grid, ratio)).collect();
        }
        if let Some(first) = views.first() {
            self.tracks.follow(&first.alpha, &seen);
        }
        if let PeopleToKeep::Largest(n) = self.keep {
            let kept = self.tracks.largest(n as usize);
            for (eye, view) in views.iter_mut().enumerate() {
                let boxes = tracks.iter().filter(|t| kept.contains(&t.id)).map(|t| (t.sides_in(eye), t.strength));
                self.layers[eye].only(boxes, &mut view.alpha);
            }
        }
        Ok(())
    }

    /// Width of a sample of an eye's small picture over its height.
    fn ratio(&self) -> f32 {
        let rect = self.rects[0];
        (rect.w as f32 / self.grid.0 as f32) / (rect.h as f32 / self.grid.1 as f32)
    }

    /// The crop around a person that a network is to be shown.
    fn cell(&mut self, at: usize, eye: usize, track: &Track, ratio: f32) -> CropRect {
        let CropModel { network, crops } = &mut self.models[at];
        let (context, sides) = (network.manifest().crop.context, track.sides_in(eye));
        let new = || TrackedCrop {
            cell: CropRect::around(sides, context, self.grid, ratio),
            size: (0, 0),
            states: States::default(),
        };
        let crop = crops.entry((track.id, eye)).or_insert_with(new);
        if !crop.cell.holds(sides, context, self.grid, ratio) {
            crop.cell = CropRect::around(sides, context, self.grid, ratio);
        }
        crop.cell
    }

    /// Whether a network has something to add: one that does well on whole views sees nobody better in a
    /// crop that isn't larger than in the whole view.
    fn adds(&self, at: usize, cell: CropRect) -> bool {
        let crop = self.models[at].network.manifest().crop;
        !crop.enlarge_only || cell.width().max(cell.height()) < crop.size as usize
    }

    /// The input of a network that is shown a crop.
    fn input_size(&self, at: usize, eye: usize, cell: CropRect) -> Result<(usize, usize)> {
        let manifest = self.models[at].network.manifest();
        let rect = self.rects[eye];
        let mut across =
            ((cell.width() * rect.w).div_ceil(self.grid.0), (cell.height() * rect.h).div_ceil(self.grid.1));
        if self.form.rotation % 180 != 0 {
            across = (across.1, across.0);
        }
        let asked = (!manifest.input.fixed).then_some(manifest.crop.size);
        Ok(manifest.input_size(asked, across.0, across.1)?)
    }

    /// Shows each crop to its network; the matte of each is in `mattes` then.
    fn show(&mut self, crops: &[Crop], tracks: &[Track], planes: &Yuv<'_>) -> Result<()> {
        let (w, h) = (self.grid.0 as f64, self.grid.1 as f64);
        let (form, rects, pictures) = (self.form, &self.rects, &self.pictures);
        let norms: Vec<_> = self.models.iter().map(|c| c.network.manifest().normalization()).collect();
        let cut = |cutter: &mut CropSampler, i: usize| {
            let Crop { at, eye, cell, size, .. } = crops[i];
            let part = [cell.x0 as f64 / w, cell.y0 as f64 / h, cell.x1 as f64 / w, cell.y1 as f64 / h];
            let mut picture = free(pictures).pop().unwrap_or_default();
            cutter.cut(planes, form, rects[eye], part, size, &norms[at], &mut picture);
            picture
        };
        self.mattes.resize_with(crops.len().max(self.mattes.len()), Plane::default);
        make_ahead(&mut self.cutters, crops.len(), cut, |i, picture| {
            let Crop { at, eye, track, cell, size } = crops[i];
            let CropModel { network, crops } = &mut self.models[at];
            let Some(crop) = crops.get_mut(&(tracks[track].id, eye)) else { return Ok(()) };
            free(pictures).push(std::mem::replace(&mut self.batch.data, picture));
            (self.batch.n, self.batch.width, self.batch.height) = (1, size.0, size.1);
            network.run(&self.batch, &mut crop.states, &mut self.alphas)?;
            if form.rotation != 0 {
                self.alphas[0] = rotate(&self.alphas[0], 360 - form.rotation);
            }
            self.fitter.fit(&self.alphas[0], cell, &mut self.mattes[i]);
            Ok(())
        })
    }
}

/// The free buffers.
fn free(pictures: &Mutex<Vec<Vec<f32>>>) -> MutexGuard<'_, Vec<Vec<f32>>> {
    // Buffers are whole whatever happened to who held them.
    pictures.lock().unwrap_or_else(PoisonError::into_inner)
}
