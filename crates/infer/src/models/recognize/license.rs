//! Upstream's licenses, as far as they are public knowledge.

/// What a license asks of those who use the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Nearly anything, with the notice kept.
    Permissive,
    /// What is made with the program and passed on must be under the same license.
    Copyleft,
    /// No use in business.
    NonCommercial,
    /// Nothing is known.
    Unknown,
}

/// Upstream's license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct License {
    /// SPDX expression.
    pub spdx: &'static str,
    /// What it asks.
    pub terms: Terms,
    /// Whose it is, or what is special about it.
    pub note: &'static str,
}

impl License {
    pub(super) const fn permissive(spdx: &'static str, note: &'static str) -> Self {
        Self { spdx, terms: Terms::Permissive, note }
    }

    pub(super) const fn copyleft(spdx: &'static str, note: &'static str) -> Self {
        Self { spdx, terms: Terms::Copyleft, note }
    }

    pub(super) const fn non_commercial(spdx: &'static str, note: &'static str) -> Self {
        Self { spdx, terms: Terms::NonCommercial, note }
    }

    /// Of a model that isn't known.
    pub const UNKNOWN: Self =
        Self { spdx: "NOASSERTION", terms: Terms::Unknown, note: "look it up where the file comes from" };

    /// A plain warning where it forbids or asks for much.
    pub fn warning(&self) -> Option<&'static str> {
        match self.terms {
            Terms::Permissive => None,
            Terms::Copyleft => Some(
                "copyleft: a program or service that is distributed with these weights must be under the same license; \
                 the videos that you make with them are yours",
            ),
            Terms::NonCommercial => Some("non-commercial: no use in business without a license from its maker"),
            Terms::Unknown => Some("unknown: look up what its maker allows before you use it in business"),
        }
    }
}
