//! Parts for the tests of the other crates: what stands in for the outside world, and what judges implementations.

mod clock;
pub mod issuer;
pub mod names;
pub mod no_store;
pub mod provider;
pub mod store_suite;
pub mod upstream;
mod weights;

pub use clock::ManualClock;
pub use weights::model_dir;
