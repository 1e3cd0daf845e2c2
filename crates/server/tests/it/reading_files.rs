//! The program reads files as a child process of its own.

use std::io::Write;

use chat::Tasks;
use knowledge::extract::{ExtractError, Extractor, Limits};

fn extractor(limits: Limits) -> Extractor {
    Extractor::new(env!("CARGO_BIN_EXE_latimer").into(), limits, &Tasks::new())
}

async fn read(limits: Limits, name: &str, bytes: &[u8]) -> Result<String, ExtractError> {
    let mut file = tempfile::tempfile().expect("the system has a place for it");
    file.write_all(bytes).expect("the disk takes it");
    let mut parts = extractor(limits).extract(name, file).await;
    let part = parts.next().await.expect("a file has at least one part");
    part.extracted.map(|document| document.text)
}

#[tokio::test]
async fn a_file_that_is_not_small_text_is_read_by_another_process_of_the_program() {
    assert_eq!(
        read(Limits::default(), "note.rtf", b"{\\rtf1 Pears are sweet.}").await.unwrap(),
        "Pears are sweet."
    );
}

#[tokio::test]
async fn that_process_has_its_limit_of_memory_though_the_program_is_large() {
    let limits = Limits { memory: 24 << 20, ..Limits::default() };
    let refused = read(limits, "numbers.json", &vec![b'1'; 20 << 20]).await.unwrap_err();
    assert!(matches!(refused, ExtractError::TooMuchMemory { mib: 24 }), "{refused}");
}
