//! Hashes of painted pictures, recorded once: the painters' samples must not change unnoticed.

use super::*;

/// FNV-1a over all samples.
fn hash<T: Sample>(planes: &[Padded<T>]) -> u64 {
    let samples = planes.iter().flat_map(|plane| (0..plane.height).flat_map(|y| plane.get().row(y)));
    samples.fold(0xCBF2_9CE4_8422_2325, |hash, v| (hash ^ u64::from(v.to_u32())).wrapping_mul(0x0100_0000_01B3))
}

/// The hash of what `mode` makes of three pseudo-random pictures: two eyes, one view with a border, many tiles.
fn hash_of<T: Variant>(mode: &Mode, layout: YuvLayout) -> u64 {
    let color = YuvColor { matrix: Matrix::Bt709, full_range: false };
    let cases =
        [((299, 83), (40, 23), Some(150), 3), ((173, 61), (31, 17), None, 0), ((640, 96), (64, 20), Some(320), 0)];
    cases.into_iter().enumerate().fold(0, |all, (seed, (size, small, split, pad))| {
        let seed = seed as u32;
        let scene = Scene::<T>::new(&Case { mode: mode.clone(), layout, color, size, small, split, pad, seed });
        let mut first = None;
        forced::each(|level| {
            let hash = hash(&scene.paint().1);
            assert_eq!(*first.get_or_insert(hash), hash, "{mode:?} {layout:?} {level:?}");
        });
        all ^ first.unwrap().rotate_left(seed)
    })
}

/// Bits and chroma shifts that hashes were recorded for.
const LAYOUTS: [(u32, u32, u32); 6] = [(8, 1, 1), (8, 0, 0), (8, 2, 0), (10, 1, 1), (10, 0, 0), (16, 2, 0)];

#[test]
fn painted_samples_are_the_recorded_ones() {
    for (mode, recorded) in modes().iter().zip(RECORDED) {
        let hashes = LAYOUTS.map(|(bits, x, y)| {
            let layout = YuvLayout { bits, chroma_shift_x: x, chroma_shift_y: y, alpha: false };
            if bits == 8 { hash_of::<u8>(mode, layout) } else { hash_of::<u16>(mode, layout) }
        });
        assert!(hashes == recorded, "{mode:?}: {hashes:#018X?}");
    }
}

/// For each of [`modes`] one hash a layout.
const RECORDED: [[u64; 6]; 7] = [
    [
        0x2BEE_BC48_2703_0281,
        0xCDE0_7276_D07F_0373,
        0x9D1F_11BA_28FF_D3A8,
        0x3654_8BC7_4270_7168,
        0xA1E5_9F24_3129_F834,
        0xCF92_16C3_02A4_8150,
    ],
    [
        0x25BC_835A_B298_1470,
        0x6E13_4B0D_236B_56C8,
        0xFD02_933B_F85F_E969,
        0xD3E8_427A_6243_2616,
        0x4E14_F11C_B02B_4FB5,
        0xE2CB_5813_18A3_1504,
    ],
    [
        0x992E_77CF_4F45_0171,
        0x9528_EB21_F77C_2957,
        0xC779_A1D6_DE25_70EB,
        0xB55D_3559_8525_39F5,
        0xAD42_8516_6380_1F76,
        0x301D_7537_B154_3704,
    ],
    [
        0x4980_B6F2_B569_F8FA,
        0x7BB2_6AE2_8010_C78A,
        0x30C3_E43F_8A09_87DA,
        0xCE43_18C4_F657_6B04,
        0x6434_BF17_EFF5_2BFE,
        0x9752_07A3_75A4_9ADB,
    ],
    [
        0x9D25_EDAA_81AD_FD16,
        0x1C49_F166_2387_38A4,
        0x4470_9730_5387_D8F3,
        0x8AC9_D6F9_AF7E_C6D1,
        0x9F64_9118_471E_93B4,
        0x0864_992B_6D11_4430,
    ],
    [
        0x1876_FB89_CEC1_6488,
        0x4F52_6B05_4032_11CA,
        0x9FB2_C182_39CC_6955,
        0x29E7_6DCD_6885_A0D5,
        0x36DA_DD09_1024_AC56,
        0x77EC_CBAF_4533_DD58,
    ],
    [
        0xA37E_FE42_5203_DE51,
        0xD895_3286_A89A_39B5,
        0x283E_7DE9_DB2E_9258,
        0x5E0C_792E_BCAE_7ED5,
        0x5F6F_D167_3FCD_95CA,
        0x2EC2_24E1_39CC_A4A4,
    ],
];
