//! Pictures cut into bands of rows, to be painted on several threads.

use crate::matte::tiles::TILE_H;
use crate::plane::{PlaneMut, Sample, YuvMut};

/// Cuts the planes of a picture into bands of `rows` luma rows (rounded up to whole tiles; the
/// last band is what remains) and gives each with its first luma row, from top to bottom.
/// `chroma_shift_y` is the layout's. No sample belongs to two bands.
pub fn split_bands(picture: YuvMut<'_>, chroma_shift_y: u32, rows: usize) -> Vec<(usize, YuvMut<'_>)> {
    let rows = rows.max(1).next_multiple_of(TILE_H);
    match picture {
        YuvMut::U8(planes, alpha) => split(planes, alpha, chroma_shift_y, rows)
            .into_iter()
            .enumerate()
            .map(|(i, (planes, alpha))| (i * rows, YuvMut::U8(planes, alpha)))
            .collect(),
        YuvMut::U16(planes, alpha) => split(planes, alpha, chroma_shift_y, rows)
            .into_iter()
            .enumerate()
            .map(|(i, (planes, alpha))| (i * rows, YuvMut::U16(planes, alpha)))
            .collect(),
    }
}

type Planes<'a, T> = ([PlaneMut<'a, T>; 3], Option<PlaneMut<'a, T>>);

fn split<'a, T: Sample>(
    planes: [PlaneMut<'a, T>; 3],
    alpha: Option<PlaneMut<'a, T>>,
    shift: u32,
    rows: usize,
) -> Vec<Planes<'a, T>> {
    let bands = planes[0].height.div_ceil(rows);
    let [y, u, v] = planes;
    let (mut y, mut u, mut v, mut alpha) = (Some(y), Some(u), Some(v), alpha);
    (0..bands)
        .filter_map(|_| {
            let chroma_rows = rows >> shift;
            let planes = [take_rows(&mut y, rows)?, take_rows(&mut u, chroma_rows)?, take_rows(&mut v, chroma_rows)?];
            Some((planes, take_rows(&mut alpha, rows)))
        })
        .collect()
}

/// Takes the upper `rows` rows (or what there is) off `rest`.
fn take_rows<'a, T: Sample>(rest: &mut Option<PlaneMut<'a, T>>, rows: usize) -> Option<PlaneMut<'a, T>> {
    let PlaneMut { data, stride, width, height } = rest.take()?;
    let rows = rows.min(height);
    // The last row may end before its stride.
    let (upper, lower) = data.split_at_mut((rows * stride).min(data.len()));
    *rest = Some(PlaneMut { data: lower, stride, width, height: height - rows });
    Some(PlaneMut { data: upper, stride, width, height: rows })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Plane;

    #[test]
    fn bands_cover_every_row_once() {
        let mut planes = [Plane::<u8>::new(20, 75), Plane::new(10, 38), Plane::new(10, 38), Plane::new(20, 75)];
        let [y, u, v, a] = &mut planes;
        let picture = YuvMut::U8([y.as_mut(), u.as_mut(), v.as_mut()], Some(a.as_mut()));
        let bands = split_bands(picture, 1, 30);
        assert_eq!(bands.iter().map(|b| b.0).collect::<Vec<_>>(), [0, 32, 64]);
        for (first, band) in bands {
            let YuvMut::U8(colour, Some(alpha)) = band else { unreachable!() };
            let luma_rows = 32.min(75 - first);
            assert_eq!((alpha.height, colour[0].height), (luma_rows, luma_rows));
            assert_eq!(colour[1].height, luma_rows.div_ceil(2));
            for mut plane in colour.into_iter().chain([alpha]) {
                for y in 0..plane.height {
                    plane.row_mut(y).iter_mut().for_each(|s| *s += 1);
                }
            }
        }
        assert!(planes.iter().all(|p| p.data().iter().all(|s| *s == 1)));
    }
}
