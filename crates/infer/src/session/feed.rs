//! What a graph's inputs get: pictures in its own number format and order, constants, and the states of the frame before.

use crate::batch::{Pictures, States};
use crate::models::manifest::{Constant, Kind, Layout, Manifest};
use half::f16;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Outlet, Tensor, TensorElementType, TensorRef, ValueType};
use std::borrow::Cow;

/// The inputs of a graph, as its manifest names them.
#[derive(Debug)]
pub(crate) struct Feed {
    picture: TensorElementType,
    layout: Layout,
    /// Pictures in every run, where the graph takes no other number.
    pub(crate) batch: Option<usize>,
    states: Vec<TensorElementType>,
    constants: Vec<(Constant, TensorElementType, usize)>,
}

impl Feed {
    /// Compares the graph with the manifest.
    ///
    /// # Errors
    /// As a text for users: an input or output that isn't there or that is not described, or a number format that isn't
    /// known.
    pub(crate) fn new(session: &Session, manifest: &Manifest) -> Result<Self, String> {
        has_all_names(session, manifest)?;
        let input = |name: &str| session.inputs().iter().find(|i| i.name() == name);
        let of = |name: &str| input(name).and_then(tensor).ok_or_else(|| format!("its input {name} is no tensor"));
        let (picture, shape) = of(&manifest.input.name)?;
        use TensorElementType::{Float16, Float32, Uint8};
        if ![Float32, Float16, Uint8].contains(&picture) {
            return Err(format!("its input {} has the type {picture:?}, not FP32, FP16 or bytes", manifest.input.name));
        }
        let channels = if manifest.input.layout == Layout::Nchw { 1 } else { 3 };
        if shape.len() != 4 || ![3, -1].contains(&shape[channels]) {
            let what = "needs input.layout nchw [N, 3, H, W] or nhwc [N, H, W, 3]";
            return Err(format!("its input {} has the shape {shape:?}; a picture {what}", manifest.input.name));
        }
        let states = manifest.states.iter().map(|s| Ok(of(&s.input)?.0)).collect::<Result<_, String>>()?;
        let constants = manifest.constants.iter().map(|c| {
            let (kind, shape) = of(&c.name)?;
            let value = c.numbers((1, 1));
            if shape.is_empty() && value.len() != 1 {
                return Err(format!("constants: {} needs one number, not {}", c.name, value.len()));
            }
            number_tensor(kind, &vec![1; shape.len()], &value[..1.min(value.len())])?;
            Ok((c.clone(), kind, shape.len()))
        });
        let batch = usize::try_from(shape[0]).ok().filter(|n| *n > 0);
        let constants = constants.collect::<Result<_, String>>()?;
        Ok(Self { picture, layout: manifest.input.layout, batch, states, constants })
    }

    /// Whether pictures go in as they lie in memory.
    pub(crate) fn is_plain(&self) -> bool {
        self.picture == TensorElementType::Float32 && self.layout == Layout::Nchw
    }

    /// The pictures as a tensor.
    ///
    /// # Errors
    /// What ONNX Runtime reports.
    pub(crate) fn pictures<'a>(&self, batch: Pictures<'a>) -> ort::Result<SessionInputValue<'a>> {
        let Pictures { n, width, height, data } = batch;
        if self.is_plain() {
            return Ok(TensorRef::from_array_view(([n, 3, height, width], data))?.into());
        }
        let (shape, data) = match self.layout {
            Layout::Nchw => ([n, 3, height, width], Cow::Borrowed(data)),
            Layout::Nhwc => ([n, height, width, 3], Cow::Owned(interleaved(data, width * height))),
        };
        let shape: Vec<usize> = shape.into();
        Ok(match self.picture {
            TensorElementType::Float16 => Tensor::from_array((shape, halves(&data)))?.into_dyn().into(),
            TensorElementType::Uint8 => {
                let bytes: Vec<u8> = data.iter().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
                Tensor::from_array((shape, bytes))?.into_dyn().into()
            }
            _ => Tensor::from_array((shape, data.into_owned()))?.into_dyn().into(),
        })
    }

    /// The constants for pictures of this size, with their names.
    ///
    /// # Errors
    /// What ONNX Runtime reports.
    pub(crate) fn constants(&self, size: (usize, usize)) -> ort::Result<Vec<(&str, DynValue)>> {
        let one = |(constant, kind, rank): &'_ (Constant, TensorElementType, usize)| {
            let numbers = constant.numbers(size);
            let mut shape = vec![1; *rank];
            if let Some(last) = shape.last_mut() {
                *last = numbers.len();
            }
            number_tensor(*kind, &shape, &numbers).map_err(ort::Error::new)
        };
        self.constants.iter().map(|c| Ok((c.0.name.as_str(), one(c)?))).collect()
    }

    /// Fills `states` for `n` pictures of this size: with zeros before the first frame; and brings those that were saved into
    /// the graph's own number format.
    ///
    /// # Errors
    /// What ONNX Runtime reports.
    pub(crate) fn complete(
        &self,
        manifest: &Manifest,
        states: &mut States,
        n: usize,
        size: (usize, usize),
    ) -> ort::Result<()> {
        if manifest.kind != Kind::Recurrent {
            return Ok(());
        }
        if states.is_empty() {
            for (state, kind) in manifest.states.iter().zip(&self.states) {
                let shape = state.first_shape(n, size);
                let zeros = vec![0f32; shape.iter().product()];
                states.0.push(float_tensor(*kind, shape, zeros)?);
            }
        }
        for (value, kind) in states.0.iter_mut().zip(&self.states) {
            if *kind == TensorElementType::Float16 && value.dtype().tensor_type() == Some(TensorElementType::Float32) {
                let (shape, data) = value.try_extract_tensor::<f32>()?;
                let shape = shape.iter().map(|d| *d as usize).collect();
                *value = float_tensor(*kind, shape, data.to_vec())?;
            }
        }
        Ok(())
    }
}

/// Type and shape of a tensor that a graph takes or gives; lengths that are open are -1.
fn tensor(outlet: &Outlet) -> Option<(TensorElementType, Vec<i64>)> {
    match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => Some((*ty, shape.to_vec())),
        _ => None,
    }
}

/// Checks that what the manifest names is there, and that the graph asks for nothing else.
fn has_all_names(session: &Session, manifest: &Manifest) -> Result<(), String> {
    let have_in: Vec<_> = session.inputs().iter().map(|i| i.name()).collect();
    let have_out: Vec<_> = session.outputs().iter().map(|o| o.name()).collect();
    let prototypes =
        manifest.output.instances.iter().map(|i| (&i.prototypes, &have_out, "output.instances.prototypes"));
    let named: Vec<_> = std::iter::once((&manifest.input.name, &have_in, "input.name"))
        .chain(manifest.constants.iter().map(|c| (&c.name, &have_in, "constants.name")))
        .chain(manifest.states.iter().map(|s| (&s.input, &have_in, "states.input")))
        .chain([(&manifest.output.name, &have_out, "output.name")])
        .chain(manifest.states.iter().map(|s| (&s.output, &have_out, "states.output")))
        .chain(prototypes)
        .collect();
    if let Some((name, have, field)) = named.iter().find(|(name, have, _)| !have.contains(&name.as_str())) {
        return Err(format!("its manifest has {field}: {name}, but the ONNX graph has only {}", have.join(", ")));
    }
    match have_in.iter().find(|input| !named.iter().any(|(name, _, _)| name == *input)) {
        Some(input) => {
            Err(format!("its graph has an input {input} that is not in the manifest; set a value under `constants`"))
        }
        None => Ok(()),
    }
}

/// Planes of channels, `area` values each, as pixels of three values.
fn interleaved(data: &[f32], area: usize) -> Vec<f32> {
    let mut pixels = Vec::with_capacity(data.len());
    for picture in data.chunks_exact(3 * area) {
        pixels.extend((0..area).flat_map(|i| [picture[i], picture[area + i], picture[2 * area + i]]));
    }
    pixels
}

fn halves(data: &[f32]) -> Vec<f16> {
    data.iter().map(|v| f16::from_f32(*v)).collect()
}

/// A tensor of FP32 or FP16.
fn float_tensor(kind: TensorElementType, shape: Vec<usize>, data: Vec<f32>) -> ort::Result<DynValue> {
    Ok(match kind {
        TensorElementType::Float16 => Tensor::from_array((shape, halves(&data)))?.into_dyn(),
        _ => Tensor::from_array((shape, data))?.into_dyn(),
    })
}

/// A tensor of a constant's numbers in the format that the graph takes.
fn number_tensor(kind: TensorElementType, shape: &[usize], numbers: &[f64]) -> Result<DynValue, String> {
    let shape = shape.to_vec();
    let made = match kind {
        TensorElementType::Float32 | TensorElementType::Float16 => {
            float_tensor(kind, shape, numbers.iter().map(|v| *v as f32).collect())
        }
        TensorElementType::Float64 => Tensor::from_array((shape, numbers.to_vec())).map(Tensor::into_dyn),
        TensorElementType::Int64 => {
            Tensor::from_array((shape, numbers.iter().map(|v| *v as i64).collect::<Vec<_>>())).map(Tensor::into_dyn)
        }
        TensorElementType::Int32 => {
            Tensor::from_array((shape, numbers.iter().map(|v| *v as i32).collect::<Vec<_>>())).map(Tensor::into_dyn)
        }
        TensorElementType::Bool => {
            Tensor::from_array((shape, numbers.iter().map(|v| *v != 0.0).collect::<Vec<_>>())).map(Tensor::into_dyn)
        }
        other => return Err(format!("constants: a tensor of {other:?} can't be given")),
    };
    made.map_err(|e| e.to_string())
}
