//! The promises of the ports, on SQLite.

use crate::place::FreshStore;

testkit::store_suite!(FreshStore::new().await);
