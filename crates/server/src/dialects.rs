//! The foreign APIs, one module each: a router, its wire types, its encoders, its errors.

pub(crate) mod codemie;
pub(crate) mod codmir;
pub(crate) mod cody;
mod table;
