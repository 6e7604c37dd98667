//! An engine that fails as scripted, for tests of this crate and of those above it.

use crate::batch::Pictures;
use crate::session::engine::Engine;
use crate::session::fallback::Fallback;
use crate::session::fault::Fault;
use crate::{Manifest, ModelRunner, States, provider::Provider, registry};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use vrseg_image::plane::Plane;

/// Fails as scripted; otherwise a picture's alpha is one pixel with the picture's first value.
#[derive(Clone, Debug)]
pub struct FaultyEngine {
    /// The provider that it claims to run on.
    pub provider: Provider,
    /// Number of pictures that fit into its memory.
    pub fits: usize,
    /// Pixels of the largest picture that fits.
    pub pixels: usize,
    /// Faults of its next runs, `None` for success; all runs after them succeed.
    pub orders: Arc<Mutex<VecDeque<Option<&'static str>>>>,
}

impl FaultyEngine {
    /// With memory for `fits` pictures of any size; its first runs end as `orders` has it.
    pub fn new(provider: Provider, fits: usize, orders: &[Option<&'static str>]) -> Self {
        Self { provider, fits, pixels: usize::MAX, orders: Arc::new(Mutex::new(orders.iter().copied().collect())) }
    }
}

impl Engine for FaultyEngine {
    fn provider(&self) -> Provider {
        self.provider
    }

    fn run(
        &mut self,
        _: &Manifest,
        batch: Pictures<'_>,
        _: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        let order = self.orders.lock().unwrap().pop_front().flatten();
        // A failed run leaves wrong alphas behind.
        alphas.clear();
        alphas.push(Plane::from_vec(vec![-1.0], 1, 1));
        if let Some(fault) = order {
            return Err(fault.to_owned());
        }
        if batch.n > self.fits || batch.width * batch.height > self.pixels {
            return Err("CUBLAS_STATUS_ALLOC_FAILED".to_owned());
        }
        let len = 3 * batch.width * batch.height;
        *alphas = (0..batch.n).map(|i| Plane::from_vec(vec![batch.data[i * len]], 1, 1)).collect();
        Ok(())
    }
}

/// A model on the engine `first`, with the engine `then` as its fallback.
pub fn runner(model: &str, first: FaultyEngine, then: Option<FaultyEngine>) -> ModelRunner {
    let manifest = registry::built_in().unwrap().into_iter().find(|m| m.name == model).unwrap();
    let fallback = then.map_or(Fallback::NONE, |engine| Fallback::new(move || Ok(Box::new(engine) as _)));
    ModelRunner::with_engine(Box::new(first), manifest, fallback)
}
