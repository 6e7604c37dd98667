//! 8-bit pictures are blended in fixed point, deeper ones in floats: both must paint the same picture.

use super::*;

/// What a sample of plane `p` (3: alpha) means, 0..=1 or -0.5..=0.5, and back.
fn scale(layout: YuvLayout, color: YuvColor, p: usize) -> (f32, f32) {
    match p {
        0 => color.luma(layout.bits),
        3 => (0.0, layout.max() as f32),
        _ => color.chroma(layout.bits),
    }
}

/// The sample of plane `p` that means in `to` what `v` means in `from`.
fn converted(v: f32, color: YuvColor, (from, to): (YuvLayout, YuvLayout), p: usize) -> f32 {
    let ((zero, span), (new_zero, new_span)) = (scale(from, color, p), scale(to, color, p));
    new_zero + (v - zero) * new_span / span
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn eight_bits_and_ten_bits_agree_within_one_step(case in cases()) {
        let (shallow, deep) = (YuvLayout { bits: 8, ..case.layout }, YuvLayout { bits: 10, ..case.layout });
        let case = Case { layout: shallow, ..case };
        let scene = Scene::<u8>::new(&case);
        let mut deep_scene = Scene::<u16>::new(&Case { layout: deep, ..case.clone() });
        let deepen = |planes: &[Padded<u8>; 3]| [0, 1, 2].map(|p| {
            let plane = &planes[p];
            Padded::<u16>::new(plane.width, plane.height, case.pad, |x, y| {
                let v = plane.data[y * plane.stride + x].to_f32();
                converted(v, case.color, (shallow, deep), p).round().clamp(0.0, 1023.0) as u32
            })
        });
        (deep_scene.source, deep_scene.background) = (deepen(&scene.source), deepen(&scene.background));
        let (eight, ten) = (scene.paint().1, deep_scene.paint().1);
        for (p, (eight, ten)) in eight.iter().zip(&ten).enumerate() {
            for (y, x) in (0..eight.height).flat_map(|y| (0..eight.width).map(move |x| (y, x))) {
                let got = eight.get().row(y)[x].to_f32();
                let back = converted(ten.get().row(y)[x].to_f32(), case.color, (deep, shallow), p);
                let apart = (got - back.round().clamp(0.0, 255.0)).abs();
                prop_assert!(apart <= 1.0, "plane {p} at {x},{y}: {got} and {back}; {case:?}");
            }
        }
    }
}
