//! Schemas: newer ones are refused, older ones backed up and migrated.

use sqlx::{Connection, Executor, SqliteConnection};
use store::OpenStoreError;

use crate::place::DataPlace;

/// The files in the data directory that are backups.
fn backups(place: &DataPlace) -> Vec<String> {
    let names = std::fs::read_dir(place.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".backup")).collect()
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let place = DataPlace::new();
    place.open().await.close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (99, 'later', 1, x'', 0)";
    place.outside().await.execute(newer).await.unwrap();

    let refused = place.try_open().await.err().unwrap();
    assert!(matches!(refused, OpenStoreError::Newer { found: 99, known: 12 }), "{refused}");
    assert_eq!(backups(&place), Vec::<String>::new());
}

#[tokio::test]
async fn an_older_schema_is_backed_up_before_it_is_migrated() {
    let place = DataPlace::new();
    let older = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
                     installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, \
                     checksum BLOB NOT NULL, execution_time BIGINT NOT NULL); \
                 CREATE TABLE before (text TEXT); INSERT INTO before VALUES ('kept');";
    let mut outside = place.outside().await;
    outside.execute(older).await.unwrap();
    outside.close().await.unwrap();

    let store = place.open().await;
    place.account(&store).await;
    store.close().await;

    let backups = backups(&place);
    assert_eq!(backups, ["latimer.db.schema-0.1767225600000.backup"]);
    let url = format!("sqlite://{}", place.path().join(&backups[0]).display());
    let mut backup = SqliteConnection::connect(&url).await.unwrap();
    let kept: String = sqlx::query_scalar("SELECT text FROM before").fetch_one(&mut backup).await.unwrap();
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'turns'")
        .fetch_one(&mut backup)
        .await
        .unwrap();
    assert_eq!((kept.as_str(), tables), ("kept", 0));
}

#[tokio::test]
async fn a_current_schema_needs_no_backup() {
    let place = DataPlace::new();
    place.open().await.close().await;
    place.open().await.close().await;
    assert_eq!(backups(&place), Vec::<String>::new());
}
