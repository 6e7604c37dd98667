//! Making the stages of a job from its plan. A run gives them to a graph; `vrseg bench` drives them by hand.

use crate::edits::EditMasks;
use crate::error::Result;
use crate::events::Preview;
use crate::frame::{Border, SourceClock};
use crate::people::{AddedPeople, HiddenPeople, PeopleLocator};
use crate::plan::{CropModel, PeoplePlan, Plan, output_color, output_layout};
use crate::spec::{Job, PeopleToKeep};
use crate::stages::{
    Backdrop, BatchLimits, CropSpec, CutWindows, Gather, Matte, Paint, PeopleMattes, Sample, Scenes, Smoothing,
    SourceForm, Spare, Target,
};
use std::sync::Arc;
use vrseg_image::compose::{Mode, PassthroughPainter};
use vrseg_image::matte::Borders;
use vrseg_image::matte::people::SourceFormat;
use vrseg_image::matte::stereo::{Search, StereoFusion};
use vrseg_image::matte::windows::Blender;
use vrseg_image::plane::Plane;
use vrseg_image::vr::{EyeOrder, Lens};
use vrseg_infer::{Batch, Kind};
use vrseg_media::{BackgroundTarget, FramePool};

/// Makes a job's stages.
#[derive(Clone, Copy)]
pub struct Assembly<'a> {
    job: &'a Job,
    plan: &'a Plan,
}

/// The buffers that go back from the stages that have done with them to those that fill them.
pub struct Recycling {
    /// Planes of the size of small views: views and mattes.
    pub planes: Spare<Plane<f32>>,
    /// Inputs of the models with the pictures of one frame.
    pub pictures: Spare<Batch>,
    /// Inputs with the pictures of several frames, where there are such.
    gathered: Spare<Batch>,
}

/// Planes of a view: luma, chroma, and its matte.
const PLANES: usize = 4;
/// Inputs of several frames: one is filled while the model has the other.
const INPUTS: usize = 2;

impl Recycling {
    /// Gives inputs of one frame back that are done with.
    pub fn take_back(&self, batches: Vec<Batch>) {
        batches.into_iter().for_each(|batch| self.pictures.put(batch));
    }

    /// Where the models' inputs go back to: those of one frame are the pictures as they were cut.
    pub fn inputs(&self, batch_frames: usize) -> Spare<Batch> {
        if batch_frames == 1 { self.pictures.clone() } else { self.gathered.clone() }
    }
}

impl<'a> Assembly<'a> {
    /// For a job that was understood as `plan`.
    pub fn new(job: &'a Job, plan: &'a Plan) -> Self {
        Self { job, plan }
    }

    /// The buffers of this many workers that sample and paint.
    pub fn recycling(&self, samplers: usize, painters: usize) -> Recycling {
        let views = self.plan.views.rects.len();
        Recycling {
            planes: Spare::new(PLANES * views * (samplers + painters + 1)),
            pictures: Spare::new(samplers + 1),
            gathered: Spare::new(INPUTS),
        }
    }

    /// A worker that samples frames.
    pub fn sample(&self, recycling: &Recycling) -> Sample {
        let video = &self.plan.input.video;
        let normalization = self.plan.model.manifest.normalization();
        let spare = (recycling.planes.clone(), recycling.pictures.clone());
        let on_crops = self.plan.crop_plan().is_some();
        Sample::new(self.plan.views.clone(), (video.layout, video.color), normalization, spare, on_crops)
    }

    /// What finds cuts, and people by `locator`; `memory` is its own of the frame before the first.
    pub fn scenes(
        &self,
        memory: Option<Plane<f32>>,
        locator: Option<&'a mut PeopleLocator>,
        warn: &'a (dyn Fn(String) + Sync),
    ) -> Scenes<'a> {
        let (views, every) = (self.plan.views.rects.len(), self.job.matte.every.max(1));
        let hidden = HiddenPeople::new(&self.job.edits, self.plan.views.surface(self.plan.lens()));
        let scenes = Scenes::new(views, every, memory, locator, warn).with_borders(self.borders());
        scenes.with_edits(hidden, self.added_people(), self.clock())
    }

    /// Who is added by hand.
    pub fn added_people(&self) -> Option<AddedPeople> {
        AddedPeople::new(&self.job.edits, self.plan.views.surface(self.plan.lens()), self.plan.format.eye_order.value)
    }

    /// A worker that cuts windows.
    pub fn cut_windows(&self, recycling: &Recycling) -> CutWindows {
        let (plan, video) = (self.plan, &self.plan.input.video);
        let surface = plan.views.surface(plan.lens());
        let choice = |crop: &CropModel| CropSpec {
            margin: crop.model.manifest.crop.margin(surface.is_spherical()),
            size: crop.size,
            normalization: crop.model.manifest.normalization(),
        };
        let choices = plan.crop_plan().iter().flat_map(|people| &people.crop_models).map(choice).collect();
        let form = SourceFormat { layout: video.layout, color: video.color };
        let spare = (recycling.planes.clone(), recycling.pictures.clone());
        CutWindows::new(surface, plan.views.rects.clone(), form, choices, spare)
    }

    /// What gathers the frames that go through the models together.
    pub fn gather(&self, limits: BatchLimits, recycling: &Recycling) -> Gather {
        Gather::new(limits, recycling.pictures.clone(), recycling.inputs(limits.frames))
    }

    /// What makes the frame's mattes of what the models found. The work begins behind `begin` where it resumes.
    ///
    /// # Errors
    /// A background can't be read.
    pub fn matte(&self, begin: Option<&Border>, recycling: &Recycling, preview: &'a Preview) -> Result<Matte<'a>> {
        let Self { job, plan } = *self;
        let video = &plan.input.video;
        let whole = plan.model.manifest.kind == Kind::Recurrent;
        let remembers = plan.crop_plan().map_or(whole, PeoplePlan::is_steady);
        let views = plan.views.rects.len();
        let degrees = plan.format.projection.value.lens().map(|lens| match lens {
            Lens::Fisheye { fov } => fov as f32,
            Lens::FullFrameFisheye { v_fov, .. } => v_fov as f32,
            Lens::Part(part) => part.down() as f32,
            _ => 180.0,
        });
        let smoothing = Smoothing::new(job.matte, &job.edits, remembers);
        let stabilizers = if smoothing.is_off() { 0 } else { views };
        let mut matte = Matte {
            windows: Arc::clone(&plan.views.windows),
            blender: Blender::new(),
            people: self.people_mattes(),
            filter: job.people.filter.clone(),
            edits: self.edit_masks(),
            clock: self.clock(),
            degrees,
            stereo: self.stereo_fusion(),
            last: if job.matte.every > 1 { vec![Plane::default(); views] } else { Vec::new() },
            stabilizers: (0..stabilizers).map(|_| smoothing.stabilizer().with_borders(self.borders())).collect(),
            smoothing,
            backgrounds: self.backgrounds()?,
            matrix: video.color.matrix,
            first_pts: begin.map(|b| b.first_pts),
            planes: recycling.planes.clone(),
            preview,
        };
        matte.remember(&begin.cloned().unwrap_or_default().state)?;
        Ok(matte)
    }

    /// What brings the mattes of people onto the eyes, where people are told apart.
    fn people_mattes(&self) -> Option<PeopleMattes> {
        let people = self.plan.people.as_ref()?;
        let surface = self.plan.views.surface(self.plan.lens());
        let one = |n: &CropModel| (n.is_recurrent(), n.model.manifest.crop.margin(surface.is_spherical()));
        let limits = people.keep != PeopleToKeep::All;
        Some(PeopleMattes::new(surface, self.plan.views.size(), people.crop_models.iter().map(one).collect(), limits))
    }

    /// The user's areas and brush strokes, where there are some.
    pub(super) fn edit_masks(&self) -> Option<EditMasks> {
        let plan = self.plan;
        let (surface, views) = (plan.views.surface(plan.lens()), plan.views.rects.len());
        let eyes = (plan.format.eye_order.value, self.borders());
        EditMasks::new(&self.job.edits, surface, plan.views.size(), views, eyes, plan.fps())
    }

    /// The time of frames in the source.
    pub fn clock(&self) -> SourceClock {
        let (tick, origin) = (self.tick(), self.plan.input.start_time.unwrap_or(0.0));
        // Frames count from the tick at which the range begins; without one they keep the file's own clock.
        let begin = self.job.range.start.filter(|t| *t > 0.0).map_or(0.0, |t| ((t + origin) / tick).round() * tick);
        SourceClock { tick, begin: begin - origin }
    }

    /// What lies beyond the left and right borders of a view.
    fn borders(&self) -> Borders {
        Borders::of(self.plan.format.projection.value)
    }

    /// Seconds of a tick of the source's clock.
    pub(super) fn tick(&self) -> f64 {
        let (seconds, parts) = self.plan.input.video.time_base;
        f64::from(seconds) / f64::from(parts.max(1))
    }

    /// For each output, where its background comes from.
    fn backgrounds(&self) -> Result<Vec<Option<Backdrop>>> {
        let (plan, video) = (self.plan, &self.plan.input.video);
        let one = |mode: &Mode| match mode {
            Mode::Replace { background } => {
                let (layout, rects) = (plan.format.layout.value, &plan.views.rects);
                let size = (video.width, video.height);
                let target = BackgroundTarget { layout: video.layout, color: video.color, dynamic: video.dynamic };
                Ok(Some(Backdrop::open(background, target, size, layout, rects)?))
            }
            _ => Ok(None),
        };
        self.job.outputs.iter().map(|o| one(&o.mode)).collect()
    }

    /// What makes the two eyes' mattes agree, where a frame has two.
    fn stereo_fusion(&self) -> Option<StereoFusion> {
        let (plan, strength) = (self.plan, self.job.matte.stereo);
        if strength <= 0.0 || plan.views.rects.len() != 2 {
            return None;
        }
        let search = Search::of(plan.format.projection.value, plan.views.size().0);
        let right_first = plan.format.eye_order.value == EyeOrder::RightFirst;
        let search = if right_first { search.flipped() } else { search };
        Some(StereoFusion::new(strength, search).with_borders(self.borders()))
    }

    /// The outputs as they are painted; workers share their pools.
    ///
    /// # Errors
    /// There is no memory for frames of that size.
    pub fn targets(&self) -> Result<Vec<Target>> {
        let Self { job, plan } = *self;
        let video = &plan.input.video;
        let mut targets = Vec::new();
        for ((output, encoder), geometry) in job.outputs.iter().zip(&plan.encoders).zip(&plan.geometries) {
            let layout = output_layout(&output.mode, video.layout);
            let color = output_color(&output.mode, encoder, video.color);
            let painter = |packed| PassthroughPainter::new(packed, video.layout, color, plan.views.size(), job.matte);
            targets.push(Target {
                mode: output.mode.clone(),
                color,
                passthrough: geometry.passthrough.clone().map(painter),
                pool: FramePool::new(layout, geometry.width, geometry.height)?,
            });
        }
        Ok(targets)
    }

    /// A worker that makes full-size mattes, and paints nothing.
    pub fn refine(&self) -> Paint {
        let mut paint = self.paint(&[], &self.recycling(1, 1));
        paint.make_full_size();
        paint.with_borders(self.borders())
    }

    /// A worker that paints `targets`.
    pub fn paint(&self, targets: &[Target], recycling: &Recycling) -> Paint {
        let video = &self.plan.input.video;
        let form = SourceForm {
            rects: self.plan.views.rects.clone(),
            layout: video.layout,
            color: video.color,
            size: (video.width, video.height),
        };
        let paint = Paint::new(form, self.job.matte, targets.to_vec(), recycling.planes.clone());
        let paint = paint.with_edits(&self.job.edits, self.clock()).with_borders(self.borders());
        paint.with_permits(self.job.low_latency)
    }
}
