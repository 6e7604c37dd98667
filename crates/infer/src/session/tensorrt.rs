//! What TensorRT is told of a model: its arithmetic, the shapes that its engine is built for, and where the engine is
//! cached. All of it was tried up to loading only: no machine with TensorRT could be had.

use super::provider::SessionOptions;
use crate::Precision;
use crate::models::manifest::{Kind, Manifest};
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
    /// Shapes of all inputs: the smallest, and the largest, which is also the one to be fast at. Without them the engine
    /// is built again whenever a run has another number of pictures.
    shapes: Option<[String; 2]>,
}

impl TensorRtModel {
    /// How `manifest`'s model is to be run with `options`.
    pub(crate) fn new(manifest: &Manifest, options: &SessionOptions) -> Self {
        let fp16 = match options.precision {
            Precision::Fp16 => true,
            // States drift in FP16: what is rounded in a frame is kept for the next ones.
            Precision::Auto => manifest.kind != Kind::Recurrent,
            Precision::Fp32 | Precision::Int8 => false,
        };
        let most = options.pictures.max(MOST_WINDOWS);
        let shapes = options.input_size.and_then(|size| {
            let multiple = manifest.input.multiple.max(1) as usize;
            // Where memory doesn't suffice, sizes are halved.
            let least = if options.session.smaller_input { (multiple, multiple) } else { size };
            Some([shapes(manifest, 1, least)?, shapes(manifest, most, size)?])
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
            Some([least, most]) => {
                provider.with_profile_min_shapes(least).with_profile_opt_shapes(most).with_profile_max_shapes(most)
            }
            None => provider,
        }
    }
}

/// Pictures that an engine is built for at least: people's windows come in other numbers in every frame.
const MOST_WINDOWS: usize = 16;

/// The shapes of all inputs for `n` pictures of a width and a height, as `input:1x3x512x512,state:...`. `None` where a
/// state's shape isn't in the manifest, or the graph has pictures of one shape only.
fn shapes(manifest: &Manifest, n: usize, size: (usize, usize)) -> Option<String> {
    if manifest.input.fixed || !manifest.constants.is_empty() || manifest.states.iter().any(|s| s.shape.is_empty()) {
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

    fn told(model: &str, precision: Precision, input_size: Option<(usize, usize)>) -> TensorRtModel {
        let manifest =
            registry::all().expect("manifests").into_iter().find(|m| m.name == model).expect("a known model");
        let options = SessionOptions { precision, input_size, ..SessionOptions::cpu(1) };
        TensorRtModel::new(&manifest, &options)
    }

    #[test]
    fn recurrent_models_are_fp32_unless_fp16_is_requested() {
        let fp16 = |model, precision| told(model, precision, None).fp16;
        assert_eq!((fp16("rvm", Precision::Auto), fp16("selfie", Precision::Auto)), (false, true));
        assert_eq!((fp16("rvm", Precision::Fp16), fp16("selfie", Precision::Fp32)), (true, false));
    }

    #[test]
    fn engine_is_built_for_all_numbers_of_pictures_and_for_states_of_full_size() {
        let shapes = |model, size| told(model, Precision::Auto, size).shapes;
        assert_eq!(
            shapes("rvm", Some((512, 256))),
            Some([
                "src:1x3x256x512,r1i:1x16x128x256,r2i:1x20x64x128,r3i:1x40x32x64,r4i:1x64x16x32".to_owned(),
                "src:16x3x256x512,r1i:16x16x128x256,r2i:16x20x64x128,r3i:16x40x32x64,r4i:16x64x16x32".to_owned(),
            ])
        );
        assert_eq!(shapes("selfie", Some((512, 512))).map(|s| s[0].clone()), Some("input:1x3x512x512".to_owned()));
        assert_eq!(shapes("rvm", None), None, "the size isn't known");
    }

    #[test]
    fn another_gpu_or_driver_has_engines_of_its_own() {
        let of = |gpu| engines(Path::new("/c"), "ab12", "1.31", gpu);
        assert_ne!(of(Some("NVIDIA L4, driver 580.159")), of(Some("NVIDIA L4, driver 581.1")));
        assert_ne!(of(Some("NVIDIA L4, driver 580.159")), of(None));
        assert!(of(None).starts_with("/c/tensorrt") && of(None).to_string_lossy().contains("ab12-1.31-"));
    }
}
