//! What kernels need to stay vectorized: conversions that clamp, and rows of a known length.
#![allow(unsafe_code)]

/// `v` clamped to `0.0..=255.0` and cut to an integer (add 0.5 before to round); NaN gives 0.
/// Vectorizes, which the saturating `v as u8` does not.
#[inline(always)]
pub fn to_u8(v: f32) -> u8 {
    // Written as comparisons so that each is one `maxps`/`minps` and NaN falls to 0.
    let v = if v > 0.0 { v } else { 0.0 };
    let v = if v < 255.0 { v } else { 255.0 };
    // SAFETY: `v` is in 0.0..=255.0 and not NaN, so it fits an i32.
    (unsafe { v.to_int_unchecked::<i32>() }) as u8
}

/// `v` clamped to `0.0..=max` and cut to an integer (add 0.5 before to round); NaN gives 0.
/// `max` is a sample's highest value, at most 65535.
#[inline(always)]
pub fn to_u16(v: f32, max: f32) -> u16 {
    let max = if max < 65535.0 { max } else { 65535.0 };
    let v = if v < max { v } else { max };
    let v = if v > 0.0 { v } else { 0.0 };
    // SAFETY: `v` is in 0.0..=65535.0 and not NaN, so it fits an i32.
    (unsafe { v.to_int_unchecked::<i32>() }) as u16
}

/// `v` clamped to `-32767.0..=32767.0` and cut to an integer; NaN gives 32767.
#[inline(always)]
pub fn to_i16(v: f32) -> i16 {
    let v = if v < 32767.0 { v } else { 32767.0 };
    let v = if v > -32767.0 { v } else { -32767.0 };
    // SAFETY: `v` is in -32767.0..=32767.0 and not NaN, so it fits an i32.
    (unsafe { v.to_int_unchecked::<i32>() }) as i16
}

/// This many floats of a row that the compiler knows the number.
pub type Row<const W: usize> = [f32; W];

/// `W` values of which the first are those of `row`, which is no longer; the rest are the default.
#[inline(always)]
pub fn load<T: Copy + Default, const W: usize>(row: &[T]) -> [T; W] {
    if let Ok(whole) = row.try_into() {
        return whole;
    }
    let mut padded = [T::default(); W];
    padded[..row.len()].copy_from_slice(row);
    padded
}

/// Writes the first of `values` to `row`, which is no longer. Unlike copying a slice, which calls a function
/// for every few bytes, this is a store or two where `row` has all of them.
#[inline(always)]
pub fn save<T: Copy, const W: usize>(row: &mut [T], values: &[T; W]) {
    match <&mut [T; W]>::try_from(&mut *row) {
        Ok(whole) => *whole = *values,
        Err(_) => {
            let n = row.len();
            row.copy_from_slice(&values[..n]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_clamp_and_survive_nan() {
        assert_eq!(
            [-1.0, 0.0, 0.99, 254.5, 255.0, 1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(to_u8),
            [0, 0, 0, 254, 255, 255, 0, 255, 0]
        );
        assert_eq!(
            [-1.0, 1022.9, 1023.0, 5000.0, f32::INFINITY].map(|v| to_u16(v, 1023.0)),
            [0, 1022, 1023, 1023, 1023]
        );
        assert_eq!(to_u16(1e9, f32::INFINITY), 65535);
    }
}
