//! What the samples of a picture mean, by FFmpeg's tags.

use crate::ffi::convert::dynamic::DynamicRange;
use crate::ffi::numbers::{Number, PixelFormat};
use crate::ffi::pixel_format::{descriptor, format_name, is_rgb};
use ffmpeg_next::ffi;
use vrseg_image::plane::{ChromaSiting, Matrix, YuvColor};

/// Where chroma samples lie. Sitings that hardly occur count as the nearest that vrseg knows.
pub(crate) fn siting_of(location: Number<ffi::AVChromaLocation>) -> ChromaSiting {
    use ffi::AVChromaLocation::{AVCHROMA_LOC_CENTER, AVCHROMA_LOC_TOP, AVCHROMA_LOC_TOPLEFT};
    if location.is_any(&[AVCHROMA_LOC_CENTER, AVCHROMA_LOC_TOP]) {
        ChromaSiting::Center
    } else if location == AVCHROMA_LOC_TOPLEFT {
        ChromaSiting::TopLeft
    } else {
        ChromaSiting::Left
    }
}

/// The matrix that a file states; `None` where it states none or one that vrseg doesn't know.
pub(crate) fn matrix_of(space: Number<ffi::AVColorSpace>) -> Option<Matrix> {
    use ffi::AVColorSpace::*;
    let matrices = [
        (Matrix::Bt709, &[AVCOL_SPC_BT709][..]),
        (Matrix::Bt601, &[AVCOL_SPC_FCC, AVCOL_SPC_BT470BG, AVCOL_SPC_SMPTE170M]),
        (Matrix::Bt2020, &[AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL]),
    ];
    matrices.into_iter().find_map(|(matrix, spaces)| space.is_any(spaces).then_some(matrix))
}

/// FFmpeg's name of a matrix.
pub(crate) fn space_of(matrix: Matrix) -> ffi::AVColorSpace {
    match matrix {
        Matrix::Bt601 => ffi::AVColorSpace::AVCOL_SPC_SMPTE170M,
        Matrix::Bt709 => ffi::AVColorSpace::AVCOL_SPC_BT709,
        Matrix::Bt2020 => ffi::AVColorSpace::AVCOL_SPC_BT2020_NCL,
    }
}

/// What the samples of the delivered frames mean. Where the file states no matrix, HD sizes are
/// BT.709 and others BT.601, as players have it.
pub(crate) fn color_of(
    format: PixelFormat,
    space: Number<ffi::AVColorSpace>,
    range: Number<ffi::AVColorRange>,
    width: usize,
    height: usize,
) -> YuvColor {
    use ffi::AVColorRange::{AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG};
    let guess = if width >= 1280 || height > 576 { Matrix::Bt709 } else { Matrix::Bt601 };
    let name = format_name(format);
    let full_range = if range.is_any(&[AVCOL_RANGE_JPEG, AVCOL_RANGE_MPEG]) {
        range == AVCOL_RANGE_JPEG
    } else {
        // Gray pictures without a tag come from picture formats.
        name.starts_with("yuvj") || name.starts_with("gray") || name.starts_with("ya")
    };
    // RGB is converted by us, to limited range.
    let rgb = descriptor(format).is_some_and(is_rgb);
    YuvColor { matrix: matrix_of(space).unwrap_or(guess), full_range: full_range && !rgb }
}

/// The dynamic range of a transfer.
pub(crate) fn dynamic_range(transfer: Number<ffi::AVColorTransferCharacteristic>) -> DynamicRange {
    use ffi::AVColorTransferCharacteristic::{AVCOL_TRC_ARIB_STD_B67, AVCOL_TRC_SMPTE2084};
    if transfer == AVCOL_TRC_SMPTE2084 {
        DynamicRange::Pq
    } else if transfer == AVCOL_TRC_ARIB_STD_B67 {
        DynamicRange::Hlg
    } else {
        DynamicRange::Standard
    }
}
