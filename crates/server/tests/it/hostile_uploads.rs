//! Files made to do harm, uploaded to the real program: each says what is wrong with it, the program and the process that
//! reads files hardly grow, and chat goes on.

use std::cell::Cell;
use std::path::Path;

use bytes::Bytes;
use futures::stream;
use serde_json::Value;
use testkit::upstream::{Upstream, openai_stream};

use crate::cli::{client, create_key, home};
use crate::files::{docx_of, line, pdf, pdf_with, zip};
use crate::harness::message;
use crate::program::{Program, asking};
use crate::uploads::{BOUNDARY, form};

const MIB: usize = 1 << 20;
const MAY_GROW: usize = 300 * MIB;

/// A line of a process's status, in bytes; nothing if it is gone.
fn status(pid: &str, line: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let value = status.lines().find_map(|text| text.strip_prefix(line)).unwrap_or_default();
    value.trim().trim_end_matches(" kB").parse().map_or(0, |kibibytes: usize| kibibytes << 10)
}

/// Memory of the program and of what it started.
fn memory(program: &Program) -> usize {
    let own = program.id().to_string();
    let mut all = status(&own, "VmRSS:");
    for thread in std::fs::read_dir(Path::new("/proc").join(&own).join("task")).expect("it runs").flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        all += children.split_whitespace().map(|child| status(child, "VmRSS:")).sum::<usize>();
    }
    all
}

/// 500 MB of text as the one file of a form, made as it is sent.
fn endless() -> reqwest::Body {
    let head = form(&[("large.txt", b"")]);
    let (head, tail) = head.split_at(head.len() - format!("\r\n--{BOUNDARY}--\r\n").len());
    let words = Bytes::from("many words and ".repeat(70_000));
    let pieces = std::iter::repeat_n(words, 500 * 1_000_000 / 1_050_000 + 1);
    let pieces =
        std::iter::once(Bytes::copy_from_slice(head)).chain(pieces).chain([Bytes::copy_from_slice(tail)]);
    reqwest::Body::wrap_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)))
}

fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let zeros = vec![b'0'; 90 * MIB];
    let bomb: Vec<(String, &[u8])> = (0..7).map(|at| (format!("{at}.txt"), &zeros[..])).collect();
    let bomb: Vec<(&str, &[u8])> = bomb.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let arrays = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let encrypt =
        format!("<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{}>/U<{}>>>", "00".repeat(32), "11".repeat(32));
    let secret = pdf_with(&[&line("secret", 11, 700)], "/Encrypt 4 0 R/ID[<00><00>]", &[&encrypt]);
    let laughs =
        r#"<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><w:document><w:t>&b;</w:t></w:document>"#;
    let brackets = "[".repeat(30 * MIB).into_bytes();
    let words = "pears and plums grow on trees\n".repeat(MIB);
    vec![
        ("bomb.zip", zip(&bomb), "unpacks to more than 512 MiB"),
        ("nested.pdf", pdf(&[&format!("{arrays} TJ")]), "the file "),
        ("secret.pdf", secret, "protected by a password"),
        ("report.docx", pdf(&[&line("a", 11, 700)]), "give it the ending .pdf"),
        ("laughs.docx", docx_of(laughs), "declares a document type"),
        ("../../../etc/cron.d/a.md", b"a".to_vec(), "leads out of the folder"),
        ("C:/Windows/a.md", b"a".to_vec(), "does not begin in the folder"),
        ("brackets.md", brackets, "takes more than 208 MiB of memory"),
        // Not hostile, but as large as a text may be.
        ("words.txt", words.into_bytes(), ""),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_fail_one_by_one_while_chat_goes_on() {
    let (home, http, upstream) = (home(), client(), Upstream::start().await);
    upstream.always(openai_stream(&["Hello."]));
    let program = Program::serve(home.path(), &asking(&upstream));
    let (key, _) = create_key(home.path(), "ada");
    let upload = |body: reqwest::Body| {
        let url = program.url("/api/knowledge/projects/shop/documents");
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        http.post(url).header("content-type", content_type).bearer_auth(&key).body(body).send()
    };
    let chat = async || {
        let asked = http.post(program.url("/api/chat")).bearer_auth(&key).json(&message("Hi")).send().await;
        let answer: Value = asked.expect("an answer").json().await.expect("JSON");
        assert_eq!(answer["content"], "Hello.");
    };
    chat().await;
    let (before, most, chats) = (memory(&program), Cell::new(0), Cell::new(0));
    // Asks one question after the other, and looks at the memory between them.
    let meanwhile = async || loop {
        chat().await;
        chats.set(chats.get() + 1);
        most.set(memory(&program).max(most.get()));
    };

    let hostile = hostile();
    let files: Vec<(&str, &[u8])> =
        hostile.iter().map(|(name, bytes, _)| (*name, bytes.as_slice())).collect();
    let answer = tokio::select! {
        answer = upload(form(&files).into()) => answer.expect("an answer"),
        () = meanwhile() => unreachable!("it goes on for ever"),
    };
    let too_large = tokio::select! {
        answer = upload(endless()) => answer.expect("an answer"),
        () = meanwhile() => unreachable!("it goes on for ever"),
    };

    assert_eq!(answer.status(), 201);
    let answer: Value = answer.json().await.expect("JSON");
    for (name, _, said) in &hostile {
        let mut files = answer["documents"].as_array().expect("a list").iter();
        let of_file = |file: &&Value| file["filePath"].as_str().is_some_and(|path| path == *name);
        // A bomb is told by the entry that went too far.
        let file = files
            .rfind(|file| of_file(file) || *name == "bomb.zip" && file["error"].to_string().contains(said));
        let file = file.unwrap_or_else(|| panic!("{name}: {answer}"));
        assert_eq!(file["state"], if said.is_empty() { "ready" } else { "failed" }, "{file}");
        assert!(file["error"].as_str().unwrap_or_default().contains(said), "{file}");
    }
    assert_eq!(too_large.status(), 413);
    let too_large: Value = too_large.json().await.expect("JSON");
    let reason = too_large["message"].as_str().expect("a sentence");
    assert!(reason.starts_with("large.txt: the file is larger than 100 MiB"), "{reason}");
    let grown = most.get().saturating_sub(before);
    // The sum is looked at now and then only; what the program alone has had at most is exact.
    let own = status(&program.id().to_string(), "VmHWM:").saturating_sub(before);
    println!(
        "together grown by {} MiB over {} MiB as seen, the program alone by {} MiB at most, {} chats meanwhile",
        grown / MIB,
        before / MIB,
        own / MIB,
        chats.get()
    );
    assert!(chats.get() > 10, "chat was answered {} times", chats.get());
    assert!(grown <= MAY_GROW, "grown by {} MiB", grown / MIB);
    program.terminate();
    assert!(program.ended().await.status.success());
}
