//! Robust Video Matting.

use super::families::Found;
use super::license::License;
use super::parts::{Identity, Normalized, Parts, Sizes, alpha, input, millions};
use crate::models::graph::{Graph, Number};
use crate::models::manifest::{Aspect, Constant, Kind, State};
use vrseg_image::matte::windows::View;

/// ResNet50 alone has more weights than this, the whole of the MobileNetV3 variant fewer.
const RESNET_WEIGHTS: u64 = 10_000_000;

/// Inputs `src`, `r1i` to `r4i` and perhaps `downsample_ratio`; outputs `pha` and `r1o` to `r4o`.
pub(super) fn rvm(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let state = |k| State { input: format!("r{k}i"), output: format!("r{k}o"), shape: Vec::new() };
    let states: Vec<_> = (1..=4).map(state).collect();
    let (src, pha) = (graph.input("src")?, graph.output("pha")?);
    if states.iter().any(|s| graph.input(&s.input).is_none() || graph.output(&s.output).is_none()) {
        return None;
    }
    let backbone = if graph.parameters > RESNET_WEIGHTS { "ResNet50" } else { "MobileNetV3" };
    let half = if src.number == Number::F16 { ", FP16" } else { "" };
    let sizes = Sizes { size: 512, min: 128, max: 4096, multiple: 16, aspect: Aspect::Keep };
    let license = License::copyleft("GPL-3.0-only", "PeterL1n/RobustVideoMatting, code and weights");
    let ratio = graph.input("downsample_ratio");
    let title = format!("Robust Video Matting ({backbone}{half})");
    let parts = Parts::image(title, license, input(src, Normalized::PLAIN, sizes), alpha(pha));
    let parts = Parts {
        kind: Kind::Recurrent,
        view: View::Fisheye,
        // The project's advice: the inner model sees 256 to 512 pixels of the longer side.
        constants: ratio.map(|r| Constant { name: r.name.clone(), value: None, fit: Some(512) }).into_iter().collect(),
        states,
        ..parts
    };
    let with = if ratio.is_some() { " and downsample_ratio" } else { "" };
    let found = parts
        .window(256, 1.2)
        .because(format!("its inputs are src, r1i to r4i{with}, its outputs pha and r1o to r4o"))
        .because(format!("{} make it {backbone}", millions(graph.parameters)))
        .from("https://github.com/PeterL1n/RobustVideoMatting");
    Some(Ok(found.known(identity)))
}
