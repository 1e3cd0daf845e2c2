//! Parts for the tests of the other crates: what stands in for the outside world, and what judges implementations.

pub mod upstream;
mod weights;

pub use weights::model_dir;
