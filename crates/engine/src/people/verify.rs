//! A second opinion on people the detector isn't sure about: models look at them through a window.

use crate::error::Result;
use crate::plan::{Verification, WindowNetwork};
use vrseg_image::matte::people::{Region, SourceFormat, Surface, Track, Window, WindowSampler, filled};
use vrseg_image::matte::to_network;
use vrseg_image::plane::{Plane, Rect, Yuv};
use vrseg_infer::provider::SessionOptions;
use vrseg_infer::{Batch, Network, States};

/// Multiclass's share counts up to this: where it sees somebody by mistake, it sees a lot.
const MOST: f32 = 0.5;

/// Where to look.
pub(super) struct Look<'a> {
    pub(super) planes: &'a Yuv<'a>,
    pub(super) form: SourceFormat,
    pub(super) eye: (&'a Surface, Rect),
    pub(super) sampler: &'a mut WindowSampler,
}

/// Tells whether somebody is in a box.
pub(super) struct Verifier {
    /// Hardly ever sees somebody where nobody is.
    strict: Witness,
    /// Sees people who are blurred, too, and is faster.
    keen: Option<Witness>,
}

impl Verifier {
    /// Loads the models, for windows on `surface`.
    ///
    /// # Errors
    /// As [`Network::load`].
    pub(super) fn new(networks: &Verification, surface: &Surface, options: &SessionOptions) -> Result<Self> {
        let load = |network| Witness::new(network, surface, options);
        Ok(Self { strict: load(&networks.strict)?, keen: networks.keen.as_ref().map(load).transpose()? })
    }

    /// What was done since the last call because a device failed, a sentence each.
    pub(super) fn take_notes(&mut self) -> Vec<String> {
        let witnesses = std::iter::once(&mut self.strict).chain(&mut self.keen);
        witnesses.flat_map(|witness| witness.network.take_notes()).collect()
    }

    /// How much of a person the two models see in a track's box, their shares of it added up, 0 to 1.5. Without the keen
    /// one, the strict one counts for both; where the keen one sees enough, or too little for the other to make up for, that
    /// isn't run.
    ///
    /// # Errors
    /// What a model says.
    pub(super) fn look_at(&mut self, track: &Track, look: &mut Look<'_>) -> Result<f32> {
        let Some(keen) = &mut self.keen else {
            return Ok(2.0 * self.strict.share(look, &track.region)?.min(MOST));
        };
        let seen = keen.share(look, &track.region)?;
        if track.is_believed(seen) || !track.is_believed(seen + MOST) {
            return Ok(seen);
        }
        Ok(seen + self.strict.share(look, &track.region)?.min(MOST))
    }
}

/// A model that looks at one person at a time.
struct Witness {
    network: Network,
    margin: f64,
    batch: Batch,
    states: States,
    alphas: Vec<Plane<f32>>,
}

impl Witness {
    fn new(network: &WindowNetwork, surface: &Surface, options: &SessionOptions) -> Result<Self> {
        let (side, margin) = (network.size, network.model.manifest.crop.margin(surface.is_spherical()));
        let batch = Batch { data: vec![0.0; 3 * side * side], n: 1, width: side, height: side };
        let network = Network::load(&network.model, options)?;
        Ok(Self { network, margin, batch, states: States::default(), alphas: Vec::new() })
    }

    /// The share of a box that the model takes for a person, 0..=1.
    fn share(&mut self, look: &mut Look<'_>, region: &Region) -> Result<f32> {
        let (surface, rect) = look.eye;
        let window = Window::around(surface, region, self.margin);
        let picture = look.sampler.cut(look.planes, look.form, (surface, rect), &window, self.batch.width);
        let norm = self.network.manifest().normalization();
        to_network(picture, look.form.color.matrix, &norm, &mut self.batch.data);
        self.states.reset();
        self.network.run(&self.batch, &mut self.states, &mut self.alphas)?;
        let Some(alpha) = self.alphas.first() else { return Ok(0.0) };
        Ok(filled(surface, region, &window, alpha))
    }
}
