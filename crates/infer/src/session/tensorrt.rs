//! What TensorRT is told of a model: its arithmetic, the shapes that its engine is built for, and where the engine is
//! cached. All of it was tried up to loading only: no machine with TensorRT could be had.

use super::provider::{LargestInput, SessionOptions};
use crate::Precision;
use crate::models::manifest::{Aspect, Kind, Layout, Manifest};
use ort::ep;
use std::path::{Path, PathBuf};

/// Libraries that the TensorRT provider needs, each after those that it depends on. Of TensorRT 10: ONNX Runtime's builds
/// for CUDA 12 and 13 are linked with it, and version 11 has other names.
pub(super) const LIBRARIES: [&str; 3] = ["libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10"];

/// What to do where one of them is missing.
pub(super) const MISSING: &str = "; install TensorRT 10 (not 11), such as the packages libnvinfer10, libnvinfer-plugin10 \
     and libnvonnxparsers10 from NVIDIA's repository, or put its libraries beside ONNX Runtime's";

/// What TensorRT is told of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TensorRtModel {
    /// It may compute in FP16.
    fp16: bool,
    /// Shapes of all inputs of a recurrent model: the smallest, the one to be fast at, and the largest. Without them the
    /// engine is built again whenever a run has another number of pictures, which for others happens once.
    shapes: Option<[String; 3]>,
}

impl TensorRtModel {
    /// How `manifest`'s model is to be run with `options`.
    pub(crate) fn new(manifest: &Manifest, options: &SessionOptions) -> Self {
        let recurrent = manifest.kind == Kind::Recurrent;
        let fp16 = match options.precision {
            Precision::Fp16 => true,
            // States drift in FP16: what is rounded in a frame is kept for the next ones.
            Precision::Auto => !recurrent,
            Precision::Fp32 | Precision::Int8 => false,
        };
        let shapes = options.largest_input.filter(|_| recurrent).and_then(|LargestInput { pictures, size }| {
            let multiple = manifest.input.multiple.max(1) as usize;
            // Where memory doesn't suffice, sizes are halved.
            let (least, usual) = (
                if options.session.smaller_input { (multiple, multiple) } else { size },
                options.pictures.min(pictures),
            );
            Some([shapes(manifest, 1, least)?, shapes(manifest, usual, size)?, shapes(manifest, pictures, size)?])
        });
        Self { fp16, shapes }
    }

    /// The provider on the GPU of this number, with its engines in `folder`.
    pub(super) fn provider(&self, device: u32, folder: &Path) -> ep::TensorRT {
        let provider = ep::TensorRT::default()
            .with_device_id(device as i32)
            .with_fp16(self.fp16)
            .with_engine_cache(true)
            .with_engine_cache_path(folder.display())
            .with_timing_cache(true)
            .with_timing_cache_path(folder.display());
        match &self.shapes {
            Some([least, usual, most]) => {
                provider.with_profile_min_shapes(least).with_profile_opt_shapes(usual).with_profile_max_shapes(most)
            }
            None => provider,
        }
    }
}

/// The shapes of all inputs for `n` pictures of a width and a height, as `input:1x3x512x512,state:...`. `None` where a
/// state's shape isn't in the manifest, or pictures don't reach the graph in that shape.
fn shapes(manifest: &Manifest, n: usize, size: (usize, usize)) -> Option<String> {
    let input = &manifest.input;
    let other_shape = input.fixed || input.layout != Layout::Nchw || input.aspect == Aspect::Pad;
    if other_shape || !manifest.constants.is_empty() || manifest.states.iter().any(|s| s.shape.is_empty()) {
        return None;
    }
    let text = |name: &str, shape: &[usize]| {
        let shape: Vec<_> = shape.iter().map(ToString::to_string).collect();
        format!("{name}:{}", shape.join("x"))
    };
    let input = text(&manifest.input.name, &[n, 3, size.1, size.0]);
    let states = manifest.states.iter().map(|state| text(&state.input, &state.first_shape(n, size)));
    Some(std::iter::once(input).chain(states).collect::<Vec<_>>().join(","))
}

/// The folder for a model's engines below `cache`. An engine is for one GPU, one driver and one TensorRT, which comes with
/// ONNX Runtime's `version`; of the weights ONNX Runtime's own names of engines know nothing.
pub(super) fn engines(cache: &Path, weights: &str, version: &str, gpu: Option<&str>) -> PathBuf {
    let gpu = blake3::hash(gpu.unwrap_or("unknown").as_bytes()).to_hex();
    cache.join("tensorrt").join(format!("{weights}-{version}-{}", &gpu[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::registry;

    fn told(model: &str, precision: Precision, largest_input: Option<LargestInput>) -> TensorRtModel {
        let manifest =
            registry::all().expect("manifests").into_iter().find(|m| m.name == model).expect("a known model");
        let options = SessionOptions { precision, largest_input, pictures: 2, ..SessionOptions::cpu(1) };
        TensorRtModel::new(&manifest, &options)
    }

    #[test]
    fn recurrent_models_are_fp32_unless_fp16_is_requested() {
        let fp16 = |model, precision| told(model, precision, None).fp16;
        assert_eq!((fp16("rvm", Precision::Auto), fp16("selfie", Precision::Auto)), (false, true));
        assert_eq!((fp16("rvm", Precision::Fp16), fp16("selfie", Precision::Fp32)), (true, false));
    }

    #[test]
    fn engine_of_a_recurrent_model_is_built_for_all_numbers_of_pictures_and_states_of_full_size() {
        let input = |pictures| Some(LargestInput { pictures, size: (512, 256) });
        let shapes = |model, largest| told(model, Precision::Auto, largest).shapes;
        let expected =
            |n| format!("src:{n}x3x256x512,r1i:{n}x16x128x256,r2i:{n}x20x64x128,r3i:{n}x40x32x64,r4i:{n}x64x16x32");
        assert_eq!(shapes("rvm", input(64)), Some([1, 2, 64].map(expected)));
        assert_eq!(shapes("rvm", input(2)), Some([1, 2, 2].map(expected)));
        assert_eq!((shapes("rvm", None), shapes("selfie", input(2))), (None, None));
    }

    #[test]
    fn another_gpu_or_driver_has_engines_of_its_own() {
        let of = |gpu| engines(Path::new("/c"), "ab12", "1.31", gpu);
        assert_ne!(of(Some("NVIDIA L4, driver 580.159")), of(Some("NVIDIA L4, driver 581.1")));
        assert_ne!(of(Some("NVIDIA L4, driver 580.159")), of(None));
        assert!(of(None).starts_with("/c/tensorrt") && of(None).to_string_lossy().contains("ab12-1.31-"));
    }
}
