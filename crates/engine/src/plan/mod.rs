//! Understanding a job before any work: what the input is, which model and encoder will run.
//! Everything that can be refused without decoding a frame is refused here.

mod geometry;
mod people;
pub mod recognize;
mod tags;
mod views;

pub use geometry::OutputGeometry;
pub use people::{CropModel, PeoplePlan, Verification};
pub use views::{SmallView, Views};

use crate::error::{Error, Result};
use crate::spec::{Job, ModelChoice, OutputSpec, PeopleToKeep};
use recognize::recognize;
use std::path::Path;
use std::sync::Arc;
use vrseg_image::compose::{Composer, Mode};
use vrseg_image::matte::windows::{View, Windows};
use vrseg_image::plane::{Rect, YuvColor, YuvLayout};
use vrseg_image::vr::{ContainerTags, FormatFindings, Lens, Projection};
use vrseg_infer::{Kind, Model, registry};
use vrseg_media::{
    EncodeOptions, EncoderPlan, InputInfo, MediaError, OpenInput, Purpose, Resize, VideoInfo, VrTags, WriterOptions,
};

/// A job that was understood.
#[derive(Debug)]
pub struct Plan {
    /// What the input is.
    pub input: InputInfo,
    /// The input, still open, for who first reads it.
    pub opened: Option<OpenInput>,
    /// Its format: where the views are, how they lie on the sphere, and why that is believed.
    pub format: FormatFindings,
    /// The views and the size at which the model sees them.
    pub views: Views,
    /// The model, its weights found but not yet checked.
    pub model: Model,
    /// Who refines each person in crops; `None`: nobody.
    pub people: Option<PeoplePlan>,
    /// The frames of each output, in the job's order.
    pub geometries: Vec<OutputGeometry>,
    /// Each output's encoder, in the same.
    pub encoders: Vec<EncoderPlan>,
    /// Frames that will be written, where that is known.
    pub frames: Option<u64>,
}

impl Plan {
    /// Probes the input, finds the model, chooses encoders and checks the outputs' names.
    ///
    /// # Errors
    /// Everything that makes the job impossible and can be known now.
    pub fn new(job: &Job) -> Result<Self> {
        if job.outputs.is_empty() {
            return Err(Error::Request("no output given; add -o OUT.mp4".into()));
        }
        Self::of_source(job)
    }

    /// The same for a job that may have no outputs: for commands that only read its source.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn of_source(job: &Job) -> Result<Self> {
        let opened = vrseg_media::open(&job.input, &job.choice)?;
        let mut input = opened.info().clone();
        if let (true, Some(layout)) = (job.wants_alpha(), vrseg_media::layout_with_alpha(input.video.layout)) {
            input.video.layout = layout;
        }
        let video = &input.video;
        check_outputs(job)?;
        let format = recognize(&input, &job.format);
        if let Some(why) = format.refusal() {
            return Err(Error::Request(format!("{}: {why}", job.input.display())));
        }
        let rects = format.layout.value.views(video.width, video.height);
        if let Some(r) = rects.iter().find(|r| r.w < 16 || r.h < 16) {
            return Err(Error::Request(format!(
                "{}: a view of {}x{} pixels is too small (a {} frame of {}x{})",
                job.input.display(),
                r.w,
                r.h,
                format.layout.value,
                video.width,
                video.height
            )));
        }
        let spherical = format.projection.value.lens().is_some();
        job.edits.check_for(spherical, rects.len()).map_err(Error::Request)?;
        let people = PeoplePlan::new(job)?;
        let model = match people.as_ref().and_then(|people| people.crop_models.first()) {
            Some(first) => first.model.clone(),
            None => find_model(&job.model)?,
        };
        let recurrent = people.as_ref().is_some_and(PeoplePlan::is_recurrent) || model.manifest.kind == Kind::Recurrent;
        if recurrent && job.model.batch_size > 1 {
            return Err(Error::Request(format!(
                "--batch-size {}: {} is recurrent, each frame needs the result of the previous one; remove \
                 --batch-size or use a frame-independent model such as selfie",
                job.model.batch_size, model.manifest.name
            )));
        }
        let (w, h) = (rects[0].w, rects[0].h);
        let on_crops = people.as_ref().is_some_and(PeoplePlan::uses_person_crops);
        let size = job.model.input_size_of(&model.manifest.name);
        let grid = if on_crops { matte_size(size, w, h) } else { model.manifest.input_size(size, w, h)? };
        let (view, windows) = match on_crops {
            true => (View::Eye, Windows::whole(grid)),
            false => windows(job, &model, format.projection.value, (w, h), grid)?,
        };
        let views = Views { rects, view, windows: Arc::new(windows) };
        let surface = views.surface(format.projection.value.lens());
        job.edits.check_finds(&surface, on_crops).map_err(Error::Request)?;
        let geometries = job
            .outputs
            .iter()
            .map(|o| OutputGeometry::new((&o.mode, o.scale), &format.format(), &views, video, &job.input))
            .collect::<Result<Vec<_>>>()?;
        let encoders = job
            .outputs
            .iter()
            .zip(&geometries)
            .map(|(o, geometry)| {
                let color = video.color;
                vrseg_media::plan_encoder(&writer_options(
                    o,
                    &o.encode,
                    video,
                    (geometry, &views.rects),
                    color,
                    VrTags::Source,
                    job.overwrite,
                ))
            })
            .collect::<std::result::Result<Vec<_>, MediaError>>()?;
        let frames = frames_in_range(job, &input);
        if let (Some(one), Some(2..)) =
            (job.outputs.iter().find(|o| vrseg_media::pictures::is_one_picture(&o.path)), frames)
        {
            return Err(vrseg_media::pictures::more_than_one(&one.path).into());
        }
        Ok(Self { format, views, model, people, geometries, encoders, frames, input, opened: Some(opened) })
    }

    /// The same without the open file, for who is not the first to read it.
    pub fn unopened(&self) -> Self {
        Self {
            input: self.input.clone(),
            opened: None,
            format: self.format.clone(),
            views: self.views.clone(),
            model: self.model.clone(),
            people: self.people.clone(),
            geometries: self.geometries.clone(),
            encoders: self.encoders.clone(),
            frames: self.frames,
        }
    }

    /// Pictures that the model gets at once, if nobody says otherwise those of a frame: what its sessions are
    /// opened for. Where they then share out [more frames](crate::tune::rules::batch), each still gets one at a time.
    pub fn pictures(&self, job: &Job) -> usize {
        self.views.pictures() * job.model.batch_size.max(1) as usize
    }

    /// Width and height of the model's input: a whole view, or a person crop.
    pub fn model_input_size(&self) -> (usize, usize) {
        self.model_input_sizes().next().unwrap_or_else(|| self.views.model_input_size())
    }

    /// The same of each model.
    pub fn model_input_sizes(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let windows =
            self.crop_plan().into_iter().flat_map(|people| &people.crop_models).map(|crop| (crop.size, crop.size));
        let whole = self.crop_plan().is_none().then(|| self.views.model_input_size());
        windows.chain(whole)
    }

    /// Frames that are held back until those behind them were searched for people.
    pub fn look_ahead(&self, job: &Job) -> usize {
        // Who are the most prominent people is only known of the frames so far.
        let applies = self.crop_plan().is_some() && job.people.keep == PeopleToKeep::All && !job.low_latency;
        if applies { job.people.look_ahead as usize } else { 0 }
    }

    /// The plan for person crops; `None` where the model is run on whole eyes.
    pub fn crop_plan(&self) -> Option<&PeoplePlan> {
        self.people.as_ref().filter(|people| people.uses_person_crops())
    }

    /// Bytes of a decoded frame.
    pub fn frame_bytes(&self) -> usize {
        let video = &self.input.video;
        video.layout.frame_bytes(video.width, video.height)
    }

    /// Frames per second; 25 where the source doesn't say.
    pub fn fps(&self) -> f64 {
        Some(self.input.video.fps).filter(|fps| *fps > 0.0).unwrap_or(25.0)
    }

    /// The lens of its views; `None`: flat pictures.
    pub fn lens(&self) -> Option<Lens> {
        self.format.projection.value.lens()
    }

    /// Label and value of everything that was found, for people.
    pub fn lines(&self, job: &Job) -> Vec<(&'static str, String)> {
        let v = &self.input.video;
        let mut lines = vec![
            ("input", job.input.display().to_string()),
            ("video", format!("{} {}x{} {} {}", v.codec, v.width, v.height, v.pixel_format, fps_text(v.fps))),
            ("format", self.format.summary()),
            ("model", self.model_text()),
        ];
        if !job.edits.is_empty() {
            lines.push(("edits", job.edits.summary()));
        }
        for ((o, e), g) in job.outputs.iter().zip(&self.encoders).zip(&self.geometries) {
            lines.push(("output", format!("{} {} ({})", o.mode.name(), o.path.display(), e.description)));
            lines.extend(g.describe().map(|shape| ("frames", shape)));
        }
        lines.push(("frames", self.frames.map_or("unknown".into(), |n| n.to_string())));
        lines.extend(self.warnings().map(|w| ("warning", w)));
        lines
    }

    /// What the user should know of the format: disagreements of its sources, bold guesses, what outputs lose.
    pub fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        // What is doubtful about the format has been said then, with the option.
        let guess = if self.format.warnings.is_empty() { recognize::guess(&self.format) } else { None };
        let of_input = self.input.warnings().into_iter().chain(self.format.warnings.iter().cloned()).chain(guess);
        let own = of_input.map(|w| format!("{}: {w}", self.input.path.display()));
        own.chain(self.lost_projection())
    }

    /// That a mesh is lost, which no muxer writes.
    fn lost_projection(&self) -> Option<String> {
        let stays = self.geometries.iter().any(|geometry| geometry.passthrough.is_none());
        let lost = stays && tags::loses_mesh(&self.format, tags::preserved_tags(&self.format, self.input.video.tags));
        lost.then(|| {
            format!(
                "{}: outputs get no projection metadata, since FFmpeg can't write meshes; set the player to {}",
                self.input.path.display(),
                self.format.projection.value
            )
        })
    }

    /// What the container of an output says whose views lie as the source's do: the source's own
    /// words, what the user corrected in them, and where it has none, what is likely at the least.
    pub fn preserved_tags(&self) -> VrTags {
        let source = self.input.video.tags;
        let preserved = tags::preserved_tags(&self.format, source);
        if preserved == source { VrTags::Source } else { VrTags::Custom(preserved) }
    }

    /// What the container of the output with this geometry says.
    pub fn tags(&self, geometry: &OutputGeometry) -> VrTags {
        match &geometry.passthrough {
            Some(packed) => VrTags::Custom(ContainerTags::of(&packed.format())),
            None => self.preserved_tags(),
        }
    }

    /// How output number `i` of `job` is written: `encode` is its own, or that with threads filled in.
    pub fn writer_options<'a>(&'a self, job: &'a Job, i: usize, encode: &'a EncodeOptions) -> WriterOptions<'a> {
        let (output, geometry, video) = (&job.outputs[i], &self.geometries[i], &self.input.video);
        let color = output_color(&output.mode, &self.encoders[i], video.color);
        let shape = (geometry, self.views.rects.as_slice());
        writer_options(output, encode, video, shape, color, self.tags(geometry), job.overwrite)
    }

    /// Model and input size.
    pub fn model_text(&self) -> String {
        let (w, h) = self.views.model_input_size();
        let name = &self.model.manifest.name;
        let (views, windows) = (self.views.rects.len(), self.views.windows.count());
        let of_views = if views == 1 { "the view".to_owned() } else { format!("each of {views} views") };
        if let Some(names) = self.crop_plan().and_then(PeoplePlan::names) {
            return format!("{names}, on person crops of {of_views}");
        }
        match self.views.view {
            View::Eye => format!("{name}, {w}x{h} for {of_views}"),
            view if windows == 1 => format!("{name}, {w}x{h} for {of_views}, as {view}"),
            view => format!("{name}, {w}x{h} for each of {windows} {view} windows of {of_views}"),
        }
    }
}

/// Longer side of an eye's small picture and matte, where models are run on person crops and no other is set.
const MATTE_SIZE: u32 = 512;

/// Size of the small picture and matte of an eye of `w` x `h`: the longer side is `size`, the other follows the eye's shape.
fn matte_size(size: Option<u32>, w: usize, h: usize) -> (usize, usize) {
    let longer = size.unwrap_or(MATTE_SIZE).max(32) as usize;
    let snap = |v: f64| ((v / 16.0).round() * 16.0).max(32.0) as usize;
    let shorter = |a: usize, b: usize| snap(longer as f64 * a as f64 / b.max(1) as f64);
    let longer = snap(longer as f64);
    if w >= h { (longer, shorter(h, w)) } else { (shorter(w, h), longer) }
}

/// How the model sees the eyes, which are `eye` pixels large and whose mattes get the size
/// `grid`.
fn windows(
    job: &Job,
    model: &Model,
    projection: Projection,
    eye: (usize, usize),
    grid: (usize, usize),
) -> Result<(View, Windows)> {
    let lens = projection.lens();
    let by_model = || lens.map_or(View::Eye, |lens| model.manifest.view.default_for(lens));
    let view = job.view.unwrap_or_else(by_model);
    if let (Some(view), None) = (job.view.filter(|v| *v != View::Eye), lens) {
        return Err(Error::Request(format!(
            "--view {view}: {} is flat video, which has no other view; remove --view or set --projection",
            job.input.display()
        )));
    }
    let side = lens.and_then(|lens| Windows::side(view, lens, grid).map(|side| (lens, side)));
    let Some((lens, side)) = side else { return Ok((View::Eye, Windows::whole(grid))) };
    let input = &model.manifest.input;
    let side = (!input.fixed).then(|| (side as u32).clamp(input.min, input.max));
    let size = model.manifest.input_size(side, 1, 1)?;
    Ok((view, Windows::new(view, lens, eye, grid, size)))
}

fn fps_text(fps: f64) -> String {
    if fps > 0.0 { format!("{fps:.3} fps") } else { "unknown frame rate".into() }
}

/// The layout of an output's frames.
pub fn output_layout(mode: &Mode, source: YuvLayout) -> YuvLayout {
    Composer::output_layout(mode, source)
}

/// What the samples of an output mean: as in the source, but a gray picture uses the full range,
/// since that is how everybody reads one.
pub fn output_color(mode: &Mode, encoder: &EncoderPlan, source: YuvColor) -> YuvColor {
    let gray = *mode == Mode::Matte && encoder.pix_fmt.starts_with("gray");
    YuvColor { full_range: source.full_range || gray, ..source }
}

/// How an output is written: `encode` is the output's own, or that with threads filled in;
/// `geometry` and `views` are its frames', `color` is what its samples mean, `tags` what its container says about stereo and the sphere.
pub fn writer_options<'a>(
    output: &'a OutputSpec,
    encode: &'a EncodeOptions,
    video: &VideoInfo,
    (geometry, views): (&OutputGeometry, &'a [Rect]),
    color: YuvColor,
    tags: VrTags,
    overwrite: bool,
) -> WriterOptions<'a> {
    WriterOptions {
        path: &output.path,
        encode,
        layout: output_layout(&output.mode, video.layout),
        color,
        width: geometry.width,
        height: geometry.height,
        fps: video.fps,
        reshaped: geometry.passthrough.is_some(),
        overwrite,
        purpose: match output.mode {
            Mode::Matte => Purpose::Matte,
            Mode::Alpha => Purpose::Alpha,
            _ => Purpose::Picture,
        },
        copy_streams: true,
        tags,
        resize: Resize {
            size: (geometry.encoded != (geometry.width, geometry.height)).then_some(geometry.encoded),
            // The discs of a packed frame lie across its views.
            views: if geometry.passthrough.is_some() { &[] } else { views },
        },
    }
}

fn find_model(choice: &ModelChoice) -> Result<Model> {
    let found =
        if choice.name.is_empty() { registry::find_first(&choice.prefer) } else { registry::find(&choice.name) };
    Ok(found?.require_mattes()?)
}

fn check_outputs(job: &Job) -> Result<()> {
    for (i, o) in job.outputs.iter().enumerate() {
        let inputs = std::iter::once(job.input.as_path()).chain(match &o.mode {
            Mode::Replace { background } => Some(background.as_path()),
            _ => None,
        });
        for input in inputs {
            if same(input, &o.path) {
                let shown = o.path.display();
                return Err(Error::Request(format!("{shown} is an input; choose another output")));
            }
        }
        if job.outputs[..i].iter().any(|p| p.path == o.path || same(&p.path, &o.path)) {
            return Err(Error::Request(format!("{} is named for two outputs", o.path.display())));
        }
        if !job.overwrite && o.path.symlink_metadata().is_ok() {
            return Err(Error::Request(format!("{} exists; add -y to replace it", o.path.display())));
        }
    }
    Ok(())
}

fn same(a: &Path, b: &Path) -> bool {
    vrseg_media::same_file(a, b)
}

/// Frames that the job will write, from the container's count or duration.
fn frames_in_range(job: &Job, input: &InputInfo) -> Option<u64> {
    let fps = input.video.fps;
    let total = input.video.frames;
    let range = &job.range;
    let in_time = match (range.start, range.end) {
        (None, None) => total,
        (start, end) => {
            let length = match (input.video.duration, end) {
                (Some(d), Some(e)) => d.min(e),
                (Some(d), None) => d,
                (None, Some(e)) => e,
                (None, None) => return range.frames,
            };
            (fps > 0.0).then(|| ((length - start.unwrap_or(0.0)).max(0.0) * fps).round() as u64)
        }
    };
    match (in_time, range.frames) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
