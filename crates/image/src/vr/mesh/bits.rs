//! Numbers of any number of bits.

/// Reads bits from the most significant one on.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits that were read.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next number of `n` bits, at most 32; `None` at the end.
    pub(super) fn number(&mut self, n: u32) -> Option<u32> {
        let mut value = 0u64;
        let mut missing = n.min(32);
        while missing > 0 {
            let byte = u64::from(*self.bytes.get(self.at / 8)?);
            let left = 8 - (self.at % 8) as u32;
            let taken = left.min(missing);
            value = value << taken | (byte >> (left - taken)) & ((1 << taken) - 1);
            self.at += taken as usize;
            missing -= taken;
        }
        Some(value as u32)
    }

    /// A signed difference in zigzag code: 0, -1, 1, -2, 2 ...
    pub(super) fn difference(&mut self, n: u32) -> Option<i64> {
        let code = i64::from(self.number(n)?);
        Some(if code % 2 == 0 { code / 2 } else { -(code / 2) - 1 })
    }

    /// Goes on to the next whole byte.
    pub(super) fn align(&mut self) {
        self.at = self.at.div_ceil(8) * 8;
    }

    /// Bits that are left.
    pub(super) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }
}

/// Bits of a number below twice `count`, as the RFC counts them.
pub(super) fn size_of_difference(count: u32) -> u32 {
    (u64::from(count) * 2).next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_begin_and_end_anywhere() {
        let mut bits = Bits::new(&[0b1010_0110, 0b1111_0000, 0x12, 0x34, 0x56, 0x78]);
        assert_eq!((bits.number(3), bits.number(7), bits.number(1)), (Some(0b101), Some(0b001_1011), Some(1)));
        bits.align();
        assert_eq!((bits.number(32), bits.left(), bits.number(1)), (Some(0x1234_5678), 0, None));
    }

    #[test]
    fn differences_are_signed() {
        let all: Vec<_> = (0..5u8).filter_map(|code| Bits::new(&[code]).difference(8)).collect();
        assert_eq!(all, [0, -1, 1, -2, 2]);
        assert_eq!([1, 2, 3, 4, 5].map(size_of_difference), [1, 2, 3, 3, 4]);
    }
}
