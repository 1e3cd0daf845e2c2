//! Parts for the tests of the other crates: what stands in for the outside world, and what judges implementations.

pub mod no_store;
pub mod upstream;
