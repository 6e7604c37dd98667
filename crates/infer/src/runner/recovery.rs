//! What a model does when its device fails: it needs less memory from then on, or continues on the fallback.

use super::{ModelRunner, downscale};
use crate::batch::{Batch, States, Tensor};
use crate::error::Result;
use crate::models::manifest::Kind;
use crate::session::engine::UnloadedEngine;
use crate::session::{fallback, fault};

impl ModelRunner {
    /// Reduces the memory needed from here on, where a fault may be for lack of memory and there is a way to. After an
    /// unspecific fault the model is only reloaded, unless the device ran out of memory before. `true`: the batch is
    /// to be run again after [`ModelRunner::reload`].
    pub(super) fn reduce_memory(&mut self, fault: &str, batch: &Batch, states: &mut States) -> bool {
        let out_of_memory = fault::is_out_of_memory(fault);
        self.ran_out_of_memory |= out_of_memory;
        if !out_of_memory && !fault::is_unspecific(fault) {
            return false;
        }
        self.become_frugal() || (self.ran_out_of_memory && (self.split_batches(batch.n) || self.shrink(batch, states)))
    }

    /// The engine is to be frugal from here on; `false`: it was before, or can't be.
    fn become_frugal(&mut self) -> bool {
        self.reload.is_some() && !std::mem::replace(&mut self.frugal, true)
    }

    /// Frees all of the device's memory and loads the model again. Its states are kept.
    pub(super) fn reload(&mut self, states: &mut States) -> Result<()> {
        let Some(reload) = &self.reload else { return Ok(()) };
        // The states hold memory of the device, too.
        *states = self.restore(&self.save(states)?)?;
        self.engine = Box::new(UnloadedEngine(self.engine.provider()));
        self.engine = reload.load()?;
        Ok(())
    }

    /// Runs half as many pictures at once from here on; `false`: that is not possible.
    fn split_batches(&mut self, n: usize) -> bool {
        let at_once = n.min(self.max_pictures);
        if self.manifest.kind == Kind::Recurrent || at_once < 2 {
            return false;
        }
        self.max_pictures = at_once.div_ceil(2);
        self.notes.push(format!(
            "{} has not enough memory for a batch of {at_once}: using {} from here on",
            self.engine.provider(),
            self.max_pictures
        ));
        true
    }

    /// Scales pictures to half their size from here on; `false`: that is not allowed or not possible.
    fn shrink(&mut self, batch: &Batch, states: &mut States) -> bool {
        if !self.may_shrink {
            return false;
        }
        let size = self.reduced_size((batch.width, batch.height));
        let Some(half) = downscale::half_of(&self.manifest.input, size) else { return false };
        self.halvings += 1;
        let mut note = format!(
            "{} has not enough memory for a picture of {}x{}: using {}x{} from here on; small people may be missed",
            self.engine.provider(),
            size.0,
            size.1,
            half.0,
            half.1
        );
        if !states.is_empty() {
            states.reset();
            note += "; the model's state from earlier frames is lost";
        }
        self.notes.push(note);
        true
    }

    /// Continues on the fallback from here on, at the full size; `false`: there is none.
    pub(super) fn fall_back(&mut self, states: &mut States, fault: &str) -> Result<bool> {
        let Some(next) = self.fallback.take()? else { return Ok(false) };
        let reason = fallback::reason(self.engine.provider(), fault);
        let mut note = fallback::note(&reason, next.provider());
        if fault::is_out_of_memory(fault) && !self.may_shrink && !self.manifest.input.fixed {
            note += "; use a smaller --input-size, or device.smaller_input: true";
        }
        self.fallback_reason = Some(reason);
        // A model does not recover from states with NaN.
        let finite = |saved: &Vec<Tensor>| saved.iter().all(|t| t.data.iter().all(|v| v.is_finite()));
        let saved = self.save(states).ok().filter(finite).filter(|_| self.halvings == 0);
        // A device that is lost can't be trusted to free what is on it.
        std::mem::forget(std::mem::take(states));
        match saved {
            Some(saved) => *states = self.restore(&saved)?,
            None => note += "; the model's state from earlier frames is lost",
        }
        std::mem::forget(std::mem::replace(&mut self.engine, next));
        (self.max_pictures, self.halvings) = (usize::MAX, 0);
        (self.reload, self.frugal, self.ran_out_of_memory) = (None, false, false);
        self.notes.push(note);
        Ok(true)
    }
}
