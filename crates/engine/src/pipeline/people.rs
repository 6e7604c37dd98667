//! A closer look at each person, within the stage `matte`: the detector, the networks that see people
//! singly, and the tracks that connect frames. Everything that depends on the frame before is in
//! [`People`], and it works on one frame after the other.

use super::ahead::in_order;
use super::error::Result;
use super::frame::Prepared;
use super::job::{Keep, PeopleChoice};
use super::prepare::Views;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use vrseg_image::matte::people::{Cell, Cutter, Form, Layers, Piece, Spot, Track, Tracks, shift, tiles};
use vrseg_image::matte::rotate;
use vrseg_image::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout};
use vrseg_image::vr::Projection;
use vrseg_infer::detector::suppress;
use vrseg_infer::provider::SessionOptions;
use vrseg_infer::{Batch, Detection, Detector, Kind, Model, ModelError, Network, States, Tensor, registry};

/// The detector's name.
const DETECTOR: &str = "nanodet";
/// The square around people whom no network is shown singly.
const CONTEXT: f32 = 1.4;
/// The detector finds people with this score; tracks want more of who is new.
const LEAST: f32 = 0.25;
/// Share of a part's side: a box that ends so near at a border which isn't the eye's is cut by it,
/// and left to a part that shows all of the person.
const CUT: f32 = 0.012;
/// How far apart the eyes may see somebody, as a share of an eye's width.
const REACH: f32 = 0.06;

/// What the plan found for a closer look.
#[derive(Clone, Debug)]
pub struct PeoplePlan {
    /// The detector.
    pub detector: Model,
    /// The networks that see people singly; there may be none where people are only counted.
    pub networks: Vec<Model>,
    /// Frames between two looks of the detector.
    pub every: u32,
    /// Who stays in the matte.
    pub keep: Keep,
}

impl PeoplePlan {
    /// Finds the models; `None` where that isn't asked for, or weights that nobody named are not there.
    ///
    /// # Errors
    /// A model of that name that doesn't exist, or that makes no mattes; weights that are missing where the
    /// user named them; a detector that is missing where people must be told apart.
    pub fn new(choice: &PeopleChoice) -> Result<Option<Self>> {
        let (every, keep) = (choice.every, choice.keep);
        let missing = |e: &ModelError| matches!(e, ModelError::MissingWeights { .. });
        let mut networks = Vec::new();
        for name in &choice.crops {
            match registry::find(name) {
                Ok(model) => networks.push(model.for_mattes()?),
                Err(e) if missing(&e) && !choice.insist => {}
                Err(e) => return Err(e.into()),
            }
        }
        if networks.is_empty() && keep == Keep::All {
            return Ok(None);
        }
        match registry::find(DETECTOR) {
            Ok(detector) => Ok(Some(Self { detector, networks, every, keep })),
            // People can't be told apart without it.
            Err(e) if !missing(&e) || choice.insist || keep != Keep::All => Err(e.into()),
            Err(_) => Ok(None),
        }
    }

    /// The networks' names; `None` where there is none.
    pub fn names(&self) -> Option<String> {
        let names: Vec<_> = self.networks.iter().map(|m| m.manifest.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(" and "))
    }
}

/// A network that sees people singly.
struct Closer {
    network: Network,
    /// What it was shown of each person in each eye.
    held: BTreeMap<(u64, usize), Held>,
}

/// One person in one eye, as a network is shown them.
struct Held {
    cell: Cell,
    size: (usize, usize),
    states: States,
}

/// What [`People`] knows of the frames before.
#[derive(Clone, Debug, PartialEq)]
pub struct PeoplePast {
    /// Who is where.
    pub tracks: Tracks,
    /// Of each network what it was shown.
    pub held: Vec<Vec<HeldPast>>,
}

/// What a network was shown of somebody in one eye.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldPast {
    /// Their number, and the eye's.
    pub whom: (u64, usize),
    /// The square around them.
    pub cell: Cell,
    /// The network's input.
    pub size: (usize, usize),
    /// The network's states.
    pub states: Vec<Tensor>,
}

/// Finds people and looks at each of them.
pub struct People {
    detector: Detector,
    closer: Vec<Closer>,
    tracks: Tracks,
    layers: Vec<Layers>,
    /// One for each thread that cuts.
    cutters: Vec<Cutter>,
    /// Brings mattes back.
    fitter: Cutter,
    rects: Vec<Rect>,
    grid: (usize, usize),
    form: Form,
    tiles: Vec<[f32; 4]>,
    keep: Keep,
    batch: Batch,
    /// Buffers for the networks' inputs that are free.
    pictures: Mutex<Vec<Vec<f32>>>,
    alphas: Vec<Plane<f32>>,
    /// Those of the squares.
    mattes: Vec<Plane<f32>>,
}

/// A square that a network is shown.
#[derive(Clone, Copy, Debug)]
struct Square {
    /// Which network, which eye and which track.
    at: usize,
    eye: usize,
    track: usize,
    cell: Cell,
    /// The network's input.
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
        // They are shown one square at a time.
        let options = &SessionOptions { pictures: 1, ..options.clone() };
        let closer = plan
            .networks
            .iter()
            .map(|model| Ok(Closer { network: Network::load(model, options)?, held: BTreeMap::new() }))
            .collect::<Result<_>>()?;
        let rect = views.rects[0];
        Ok(Self {
            detector: Detector::load(&plan.detector, options)?,
            closer,
            tracks: Tracks::new(plan.every),
            layers: views.rects.iter().map(|_| Layers::default()).collect(),
            cutters: std::iter::repeat_with(Cutter::default).take(threads.max(1)).collect(),
            fitter: Cutter::default(),
            rects: views.rects.clone(),
            grid: views.size(),
            form: Form { layout, color, rotation: views.rotation },
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
        // Nobody's matte is made singly: only whom the detector sees changes.
        self.closer.iter().all(|c| c.network.manifest().kind == Kind::Recurrent)
    }

    /// What was done since the last call because a device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        let of = |c: &mut Closer| {
            let name = c.network.manifest().name.clone();
            c.network.take_notes().into_iter().map(move |note| format!("{name}: {note}"))
        };
        self.detector.take_notes().into_iter().chain(self.closer.iter_mut().flat_map(of)).collect()
    }

    /// What is known before the next frame.
    ///
    /// # Errors
    /// The networks' states can't be brought from the device.
    pub fn past(&self) -> Result<PeoplePast> {
        let one = |network: &Network, whom: (u64, usize), held: &Held| -> Result<HeldPast> {
            Ok(HeldPast { whom, cell: held.cell, size: held.size, states: network.save(&held.states)? })
        };
        let all = |c: &Closer| c.held.iter().map(|(whom, held)| one(&c.network, *whom, held)).collect();
        Ok(PeoplePast { tracks: self.tracks.clone(), held: self.closer.iter().map(all).collect::<Result<_>>()? })
    }

    /// Goes on from there; `None`: nothing is known.
    ///
    /// # Errors
    /// The states are not the networks'.
    pub fn remember(&mut self, past: Option<&PeoplePast>) -> Result<()> {
        self.tracks = past.map_or_else(|| self.tracks.like_new(), |past| past.tracks.clone());
        for (i, Closer { network, held }) in self.closer.iter_mut().enumerate() {
            held.clear();
            for one in past.and_then(|past| past.held.get(i)).into_iter().flatten() {
                let states = network.restore(&one.states)?;
                held.insert(one.whom, Held { cell: one.cell, size: one.size, states });
            }
        }
        Ok(())
    }

    /// Looks closer at everybody in a frame whose mattes are those of the whole eyes, and betters these.
    ///
    /// # Errors
    /// What the networks say.
    pub fn look(&mut self, frame: &mut Prepared) -> Result<()> {
        let Prepared { decoded, views, cut, .. } = frame;
        let planes = decoded.source.frame.yuv();
        if *cut {
            self.tracks.reset();
            self.closer.iter_mut().for_each(|c| c.held.clear());
        }
        if self.tracks.step() {
            let spots = self.spots(&planes)?;
            let new = self.tracks.found(&spots);
            if let [first, second] = views.as_slice() {
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
        for closer in &mut self.closer {
            closer.held.retain(|(id, _), _| tracks.iter().any(|t| t.id == *id));
        }
        let mut seen = Vec::new();
        let mut squares = Vec::new();
        let networks = self.closer.len();
        for (eye, at) in (0..views.len()).flat_map(|eye| (0..networks).map(move |at| (eye, at))) {
            for (i, track) in tracks.iter().enumerate() {
                let cell = self.cell(at, eye, track, ratio);
                if (eye, at) == (0, 0) {
                    seen.push(cell);
                }
                let size = if self.adds(at, cell) { Some(self.input_size(at, eye, cell)?) } else { None };
                if let Some(held) = self.closer[at].held.get_mut(&(track.id, eye))
                    && size.is_none_or(|size| size != held.size)
                {
                    // States have the input's shape; what is remembered of a square that is not shown is old when it
                    // is shown again.
                    held.states.reset();
                    held.size = size.unwrap_or(held.size);
                }
                squares.extend(size.map(|size| Square { at, eye, track: i, cell, size }));
            }
        }
        self.show(&squares, &tracks, &planes)?;
        for (eye, view) in views.iter_mut().enumerate() {
            let (width, height) = self.grid;
            self.layers[eye].begin(width, height);
            for at in 0..self.closer.len() {
                let pieces = squares.iter().zip(&self.mattes).filter(|(s, _)| (s.eye, s.at) == (eye, at));
                let pieces = pieces.map(|(square, matte)| {
                    let track = &tracks[square.track];
                    Piece { cell: square.cell, sides: track.sides_in(eye), strength: track.strength, matte }
                });
                self.layers[eye].add(&view.alpha, pieces);
            }
            self.layers[eye].finish(&mut view.alpha);
        }
        if self.closer.is_empty() {
            seen = tracks.iter().map(|t| Cell::around(t.sides, CONTEXT, self.grid, ratio)).collect();
        }
        if let Some(first) = views.first() {
            self.tracks.follow(&first.alpha, &seen);
        }
        if let Keep::Largest(n) = self.keep {
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

    /// The square around a person that a network is to be shown.
    fn cell(&mut self, at: usize, eye: usize, track: &Track, ratio: f32) -> Cell {
        let Closer { network, held } = &mut self.closer[at];
        let (context, sides) = (network.manifest().crop.context, track.sides_in(eye));
        let new =
            || Held { cell: Cell::around(sides, context, self.grid, ratio), size: (0, 0), states: States::default() };
        let held = held.entry((track.id, eye)).or_insert_with(new);
        if !held.cell.holds(sides, context, self.grid, ratio) {
            held.cell = Cell::around(sides, context, self.grid, ratio);
        }
        held.cell
    }

    /// Whether a network has something to add: one that does well on whole views sees nobody better in a
    /// square that isn't larger than in the whole view.
    fn adds(&self, at: usize, cell: Cell) -> bool {
        let crop = self.closer[at].network.manifest().crop;
        !crop.enlarge_only || cell.width().max(cell.height()) < crop.size as usize
    }

    /// The input of a network that is shown a square.
    fn input_size(&self, at: usize, eye: usize, cell: Cell) -> Result<(usize, usize)> {
        let manifest = self.closer[at].network.manifest();
        let rect = self.rects[eye];
        let mut across =
            ((cell.width() * rect.w).div_ceil(self.grid.0), (cell.height() * rect.h).div_ceil(self.grid.1));
        if self.form.rotation % 180 != 0 {
            across = (across.1, across.0);
        }
        let asked = (!manifest.input.fixed).then_some(manifest.crop.size);
        Ok(manifest.input_size(asked, across.0, across.1)?)
    }

    /// Shows each square to its network; the matte of each is in `mattes` then.
    fn show(&mut self, squares: &[Square], tracks: &[Track], planes: &Yuv<'_>) -> Result<()> {
        let (w, h) = (self.grid.0 as f64, self.grid.1 as f64);
        let (form, rects, pictures) = (self.form, &self.rects, &self.pictures);
        let norms: Vec<_> = self.closer.iter().map(|c| c.network.manifest().normalization()).collect();
        let cut = |cutter: &mut Cutter, i: usize| {
            let Square { at, eye, cell, size, .. } = squares[i];
            let part = [cell.x0 as f64 / w, cell.y0 as f64 / h, cell.x1 as f64 / w, cell.y1 as f64 / h];
            let mut picture = free(pictures).pop().unwrap_or_default();
            cutter.cut(planes, form, rects[eye], part, size, &norms[at], &mut picture);
            picture
        };
        self.mattes.resize_with(squares.len().max(self.mattes.len()), Plane::default);
        in_order(&mut self.cutters, squares.len(), cut, |i, picture| {
            let Square { at, eye, track, cell, size } = squares[i];
            let Closer { network, held } = &mut self.closer[at];
            let Some(held) = held.get_mut(&(tracks[track].id, eye)) else { return Ok(()) };
            free(pictures).push(std::mem::replace(&mut self.batch.data, picture));
            (self.batch.n, self.batch.width, self.batch.height) = (1, size.0, size.1);
            network.run(&self.batch, &mut held.states, &mut self.alphas)?;
            if form.rotation != 0 {
                self.alphas[0] = rotate(&self.alphas[0], 360 - form.rotation);
            }
            self.fitter.fit(&self.alphas[0], cell, &mut self.mattes[i]);
            Ok(())
        })
    }

    /// Where the detector sees people in the first eye, in samples of its small picture.
    fn spots(&mut self, planes: &Yuv<'_>) -> Result<Vec<Spot>> {
        let side = self.detector.side();
        let norm = self.detector.manifest().normalization();
        let rect = self.rects[0];
        let turned = self.form.rotation % 180 != 0;
        // How large a part is as the detector sees it.
        let size = |tile: [f32; 4]| {
            let (tw, th) = ((tile[2] - tile[0]) * rect.w as f32, (tile[3] - tile[1]) * rect.h as f32);
            let (uw, uh) = if turned { (th, tw) } else { (tw, th) };
            let scale = side as f32 / uw.max(uh);
            let fit = |v: f32| ((v * scale).round() as usize).clamp(1, side);
            (fit(uw), fit(uh))
        };
        let (form, tiles, pictures, grid) = (self.form, &self.tiles, &self.pictures, self.grid);
        let cut = |cutter: &mut Cutter, i: usize| {
            let [mut part, mut picture] = [(); 2].map(|()| free(pictures).pop().unwrap_or_default());
            let size = size(tiles[i]);
            cutter.cut(planes, form, rect, tiles[i].map(f64::from), size, &norm, &mut part);
            letterbox(&part, size, side, &norm.mean, &norm.std, &mut picture);
            free(pictures).push(part);
            (size, picture)
        };
        let mut found: Vec<Detection> = Vec::new();
        in_order(&mut self.cutters, tiles.len(), cut, |i, ((w, h), picture)| -> Result<()> {
            let tile = tiles[i];
            for one in self.detector.detect(&picture, LEAST)? {
                let shares = [
                    one.sides[0] / w as f32,
                    one.sides[1] / h as f32,
                    one.sides[2] / w as f32,
                    one.sides[3] / h as f32,
                ];
                let [l, t, r, b] = turned_back(shares.map(|s| s.clamp(0.0, 1.0)), form.rotation);
                let cut = (l < CUT && tile[0] > 0.0)
                    || (t < CUT && tile[1] > 0.0)
                    || (r > 1.0 - CUT && tile[2] < 1.0)
                    || (b > 1.0 - CUT && tile[3] < 1.0);
                if cut || r <= l || b <= t {
                    continue;
                }
                let x = |share: f32| (tile[0] + share * (tile[2] - tile[0])) * grid.0 as f32;
                let y = |share: f32| (tile[1] + share * (tile[3] - tile[1])) * grid.1 as f32;
                found.push(Detection { score: one.score, sides: [x(l), y(t), x(r), y(b)] });
            }
            free(pictures).push(picture);
            Ok(())
        })?;
        suppress(&mut found);
        Ok(found.into_iter().map(|d| Spot { score: d.score, sides: d.sides }).collect())
    }
}

/// The free buffers.
fn free(pictures: &Mutex<Vec<Vec<f32>>>) -> MutexGuard<'_, Vec<Vec<f32>>> {
    // Buffers are whole whatever happened to who held them.
    pictures.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A picture of `w` x `h` in the left upper corner of a black square.
fn letterbox(part: &[f32], (w, h): (usize, usize), side: usize, mean: &[f32; 3], std: &[f32; 3], out: &mut Vec<f32>) {
    out.resize(3 * side * side, 0.0);
    for (channel, (from, to)) in part.chunks_exact(w * h).zip(out.chunks_exact_mut(side * side)).enumerate() {
        to.fill(-mean[channel] / std[channel]);
        for (from, to) in from.chunks_exact(w).zip(to.chunks_exact_mut(side)) {
            to[..w].copy_from_slice(from);
        }
    }
}

/// A box (shares of a picture's sides) of a picture that was turned clockwise, in the picture as it lies.
fn turned_back([l, t, r, b]: [f32; 4], rotation: i32) -> [f32; 4] {
    match rotation.rem_euclid(360) {
        90 => [t, 1.0 - r, b, 1.0 - l],
        180 => [1.0 - r, 1.0 - b, 1.0 - l, 1.0 - t],
        270 => [1.0 - b, l, 1.0 - t, r],
        _ => [l, t, r, b],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_box_is_turned_back() {
        // A spot in the left upper corner, as `rotate` turns it.
        for (rotation, seen) in [(0, (0, 0)), (90, (3, 0)), (180, (3, 1)), (270, (0, 1))] {
            let plane = Plane::from_vec((0..8).map(|i| f32::from(u8::from(i == 0))).collect(), 4, 2);
            let turned = rotate(&plane, rotation);
            let (w, h) = (turned.width(), turned.height());
            let at = turned.data().iter().position(|v| *v > 0.5).unwrap();
            let (x, y) = (at % w, at / w);
            assert!(rotation % 180 != 0 || (x, y) == seen);
            let sides =
                [x as f32 / w as f32, y as f32 / h as f32, (x + 1) as f32 / w as f32, (y + 1) as f32 / h as f32];
            let back = turned_back(sides, rotation);
            for (got, want) in back.iter().zip([0.0, 0.0, 0.25, 0.5]) {
                assert!((got - want).abs() < 1e-6, "{rotation}: {back:?}");
            }
        }
    }

    #[test]
    fn a_letterbox_is_black_beside_the_picture() {
        let mut out = Vec::new();
        letterbox(&[1.0; 6], (2, 1), 3, &[2.0, 4.0, 6.0], &[2.0, 2.0, 2.0], &mut out);
        assert_eq!(out[..9], [1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]);
        assert_eq!(out[9..12], [1.0, 1.0, -2.0]);
    }
}
