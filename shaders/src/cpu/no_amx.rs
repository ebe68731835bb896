//! Stands in for the tile unit on systems that have none.

use crate::WeightSource;

/// No value of this type exists.
pub enum Amx {}

impl Amx {
    pub fn new() -> Option<Self> {
        None
    }

    pub fn takes(&self, _: &WeightSource, _: usize) -> bool {
        match *self {}
    }

    pub fn forward(&mut self, _: &[f32], _: &WeightSource, _: usize, _: bool, _: &mut [f32]) {
        match *self {}
    }

    pub fn backward(&mut self, _: &[f32], _: &WeightSource, _: usize, _: bool, _: &mut [f32]) {
        match *self {}
    }
}
