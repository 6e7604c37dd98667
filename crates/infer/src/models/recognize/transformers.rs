//! Models with attention that find what stands out: BiRefNet, RMBG-2.0, InSPyReNet.

use super::families::Found;
use super::license::License;
use super::parts::{Identity, Normalized, Parts, Sizes, alpha_or_logit, input, millions};
use crate::models::graph::{Graph, Port};
use crate::models::manifest::{Aspect, Output};

const SIZES: Sizes = Sizes { size: 1024, min: 256, max: 2048, multiple: 32, aspect: Aspect::Square };
const SLOW: &str = "finds salient objects, people or not; needs seconds per picture on a CPU";

/// The only input and an output with a single channel, the last one where there are several.
fn ends(graph: &Graph) -> Option<(&Port, &Port)> {
    let [picture] = &graph.inputs[..] else { return None };
    let map = graph.outputs.iter().rfind(|p| p.is_float(4) && p.length(1).is_none_or(|c| c == 1))?;
    Some((picture, map))
}

/// BiRefNet, its light variant, and BRIA's RMBG-2.0, which has the same model.
pub(super) fn birefnet(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let (picture, map) = ends(graph)?;
    let named = graph.has_weight("squeeze_module") || (graph.has_weight("bb.") && graph.has_weight("decoder."));
    let by_ports = [("input_image", "output_image"), ("pixel_values", "alphas")]
        .contains(&(picture.name.as_str(), map.name.as_str()));
    let attentive = graph.count("MatMul") + graph.count("Gemm") >= 20;
    if !(attentive && (named || (by_ports && graph.parameters > 30_000_000))) {
        return None;
    }
    let parts = |title, license| {
        Parts::image(title, license, input(picture, Normalized::IMAGENET, SIZES), alpha_or_logit(graph, map))
    };
    let why = format!("{}, input {}, output {}", millions(graph.parameters), picture.name, map.name);
    let rmbg = identity.file.contains("rmbg") || map.name == "alphas";
    let parts = if rmbg {
        let license = License::non_commercial("CC-BY-NC-4.0", "BRIA's weights; the architecture is BiRefNet's");
        parts("BRIA RMBG-2.0", license).from("https://huggingface.co/briaai/RMBG-2.0").because(why)
    } else {
        let title = if graph.parameters < 100_000_000 { "BiRefNet, light" } else { "BiRefNet" };
        let license = License::permissive("MIT", "ZhengPeng7/BiRefNet");
        parts(title, license).from("https://github.com/ZhengPeng7/BiRefNet").because(why)
    };
    let parts = parts.because(match named {
        true => "its weights are named as BiRefNet's",
        false => "it has attention, and BiRefNet's inputs and outputs",
    });
    Some(Ok(parts.window(1024, 1.4).noting(SLOW).known(identity)))
}

/// InSPyReNet, whose decoder's attention and contexts have names of their own.
pub(super) fn inspyrenet(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let (picture, map) = ends(graph)?;
    if !(graph.has_weight("context1.") && graph.has_weight("attention0.")) {
        return None;
    }
    let license = License::permissive("MIT", "plemeri/InSPyReNet");
    let output = Output { stretch: true, ..alpha_or_logit(graph, map) };
    let parts = Parts::image("InSPyReNet", license, input(picture, Normalized::IMAGENET, SIZES), output);
    let parts = parts
        .because(format!("{} with InSPyReNet's names", millions(graph.parameters)))
        .from("https://github.com/plemeri/InSPyReNet");
    Some(Ok(parts.window(1024, 1.4).noting(SLOW).known(identity)))
}
