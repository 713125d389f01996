//! Quantities with their unit in the type.

use serde::{Deserialize, Serialize};

/// A CT number in Hounsfield units.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Hu(pub f32);

/// A length in millimetres.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Mm(pub f64);

/// A volume in millilitres.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Ml(pub f64);

/// A number in 0..=1. NaN cannot get in.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
pub struct Probability(f32);

impl Probability {
    /// Checks that `value` lies in 0..=1.
    pub fn new(value: f32) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// Returns the number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f32::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom("a probability lies in 0 to 1"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_a_number_in_0_to_1() {
        assert_eq!(Probability::new(0.5).map(Probability::get), Some(0.5));
        for bad in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            assert_eq!(Probability::new(bad), None);
        }
    }
}
