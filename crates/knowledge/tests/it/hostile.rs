//! Files made to do harm: each is refused with its reason, and takes nothing else down.

use std::time::Duration;

use knowledge::extract::{ExtractError, Limits};

use crate::files::{docx_of, line, pdf, pdf_with, tar_gz, xlsx, zip};
use crate::reading::{extractor, file, parts, read_within, refusal};

const MIB: u64 = 1 << 20;

/// Limits that a test reaches with small files.
fn small() -> Limits {
    Limits { text: MIB, inflated: 4 * MIB, pages: 10, pieces: 100, entries: 10, ..Limits::default() }
}

#[tokio::test]
async fn a_name_that_says_something_else_is_told() {
    let said = refusal("report.pdf", &zip(&[("a.txt", b"a")])).await;
    assert_eq!(
        said,
        "the file's name says PDF but its content is that of a different format, ZIP archive; give it the ending .zip"
    );
    let said = refusal("report.docx", &pdf(&[&line("a", 11, 700)])).await;
    assert_eq!(
        said,
        "the file's name says Word document but its content is that of a different format, PDF; give it the ending .pdf"
    );
    let said = refusal("report.docx", &xlsx(&[("A", "")])).await;
    assert_eq!(
        said,
        "the file's name says Word document but its content is that of a different format, Excel workbook; give it the ending .xlsx"
    );
}

#[tokio::test]
async fn files_with_a_password_are_told() {
    let encrypt =
        format!("<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{}>/U<{}>>>", "00".repeat(32), "11".repeat(32));
    let file = pdf_with(&[&line("secret", 11, 700)], "/Encrypt 4 0 R/ID[<00><00>]", &[&encrypt]);
    let said = refusal("secret.pdf", &file).await;
    assert_eq!(said, "the file is protected by a password; save it without one and add it again");
    let said = refusal("secret.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest").await;
    assert!(said.contains("save it as DOCX, PPTX or XLSX without a password"), "{said}");
}

#[tokio::test]
async fn a_scan_without_text_is_told() {
    assert!(refusal("scan.pdf", &pdf(&["0 0 m 10 10 l S"])).await.contains("text recognition"));
    assert!(refusal("empty.txt", b" \n").await.contains("has no text"));
}

#[tokio::test]
async fn five_hundred_megabytes_of_text_are_refused_unread() {
    let large = file(b"words ");
    large.set_len(500 * MIB).unwrap();
    let mut parts = extractor(Limits::default()).extract("large.txt", large).await;
    let refused = parts.next().await.unwrap().extracted.unwrap_err();
    assert_eq!(refused.to_string(), "the file is larger than 100 MiB; split it or leave out its pictures");
    let much = vec![b'a'; 2 * MIB as usize];
    let refused = read_within(small(), "much.txt", &much).await.unwrap_err();
    assert_eq!(refused.to_string(), "the file has more than 1 MiB of text; split it into several files");
}

#[tokio::test]
async fn a_bomb_is_cut_off_by_what_really_comes_out_of_it() {
    let zeros = vec![b'0'; 6 * MIB as usize];
    let refused = |file: Vec<u8>, name: &'static str| async move {
        let parts = parts(small(), name, &file).await;
        parts.into_iter().next_back().unwrap().extracted.unwrap_err().to_string()
    };
    let bomb = "the file unpacks to more than 4 MiB, like an archive made to do harm; \
        unpack it yourself and add what you need of it";
    assert_eq!(refused(zip(&[("a.txt", &zeros)]), "bomb.zip").await, bomb);
    let zeros_in_xml = format!("<w:document><w:t>{}</w:t></w:document>", " ".repeat(6 * MIB as usize));
    assert_eq!(refused(docx_of(&zeros_in_xml), "bomb.docx").await, bomb);
    let row = format!("<row><c><v>{}</v></c></row>", "1".repeat(6 * MIB as usize));
    assert_eq!(refused(xlsx(&[("A", &row)]), "bomb.xlsx").await, bomb);
    // A thousand entries of which each is small.
    let part = vec![b'0'; MIB as usize];
    let entries: Vec<(String, &[u8])> =
        (0..8).map(|number| (format!("{number}.bin.txt"), &part[..])).collect();
    let entries: Vec<(&str, &[u8])> = entries.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    assert_eq!(refused(zip(&entries), "many.zip").await, bomb);
}

#[tokio::test]
async fn a_size_that_an_archive_declares_is_not_believed() {
    let mut file = zip(&[("a.txt", &vec![b'0'; 6 * MIB as usize])]);
    let real = (6 * MIB as u32).to_le_bytes();
    let places: Vec<usize> =
        file.windows(4).enumerate().filter(|(_, bytes)| *bytes == real).map(|(place, _)| place).collect();
    assert!(places.len() >= 2, "in the entry's head and in the directory");
    for place in places {
        file[place..place + 4].copy_from_slice(&[10, 0, 0, 0]);
    }
    let refused = parts(small(), "liar.zip", &file).await.remove(0).extracted.unwrap_err();
    assert!(
        matches!(refused, ExtractError::TooMuchInflated { .. } | ExtractError::Damaged { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn entries_that_share_their_bytes_are_refused() {
    // Two entries of the directory point at one piece of data.
    let one = zip(&[("a.txt", b"aaaaaaaaaaaaaaaa")]);
    let directory = one.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let end = one.windows(4).position(|bytes| bytes == b"PK\x05\x06").unwrap();
    let mut second = one[directory..end].to_vec();
    let name = second.windows(5).position(|bytes| bytes == b"a.txt").unwrap();
    second[name] = b'b';
    let mut overlapping = one[..end].to_vec();
    overlapping.extend(&second);
    let mut tail = one[end..].to_vec();
    tail[8] = 2;
    tail[10] = 2;
    let size = ((end - directory) * 2) as u32;
    tail[12..16].copy_from_slice(&size.to_le_bytes());
    overlapping.extend(&tail);
    let said = refusal("overlapping.zip", &overlapping).await;
    assert_eq!(
        said,
        "the archive's entries share their bytes, as only an archive made to do harm does; pack it anew"
    );
}

#[tokio::test]
async fn an_archive_in_an_archive_is_not_opened() {
    let inner = zip(&[("a.txt", b"a")]);
    let parts = parts(Limits::default(), "outer.zip", &zip(&[("inner.zip", &inner), ("b.txt", b"b")])).await;
    assert!(matches!(parts[0].extracted, Err(ExtractError::NestedArchive)));
    assert_eq!(parts[1].extracted.as_ref().unwrap().text, "b");
}

#[tokio::test]
async fn paths_that_play_tricks_are_refused_and_the_rest_is_read() {
    let file = zip(&[
        ("../../etc/passwd.txt", b"a"),
        ("/etc/shadow.txt", b"a"),
        ("C:\\Windows\\a.txt", b"a"),
        ("nul\0.txt", b"a"),
        ("good.txt", b"good"),
        ("GOOD.txt", b"other"),
    ]);
    let parts = parts(Limits::default(), "tricks.zip", &file).await;
    let told: Vec<_> = parts
        .into_iter()
        .map(|part| part.extracted.map(|read| read.text).map_err(|error| error.to_string()))
        .collect();
    let elsewhere = "the path does not begin in the folder it belongs to; rename the file";
    assert_eq!(
        told,
        [
            Err("the path leads out of the folder it belongs to; rename the file".to_owned()),
            Err(elsewhere.to_owned()),
            Err(elsewhere.to_owned()),
            Err("the path has characters that can't be seen; rename the file".to_owned()),
            Ok("good".to_owned()),
            Err(
                "another entry of the archive has the same path, or one that differs in case only; rename one"
                    .to_owned()
            ),
        ]
    );
    let said = refusal("../a.txt", b"a").await;
    assert_eq!(said, "the path leads out of the folder it belongs to; rename the file");
}

#[tokio::test]
async fn a_tar_archive_plays_no_tricks_either() {
    let zeros = vec![b'0'; 6 * MIB as usize];
    let file =
        tar_gz(&[("../a.txt", b"a"), ("b.txt", b"b"), ("B.txt", b"c"), ("zeros.txt", &zeros)], &["link.txt"]);
    let parts = parts(small(), "tricks.tar.gz", &file).await;
    let told: Vec<_> = parts.into_iter().map(|part| part.extracted.map(|read| read.text)).collect();
    assert!(matches!(told[0], Err(ExtractError::BadPath { .. })));
    assert_eq!(told[1].as_ref().unwrap(), "b");
    assert!(matches!(told[2], Err(ExtractError::SamePath)));
    assert!(matches!(told[3], Err(ExtractError::TooMuchInflated { .. })));
    assert_eq!(told.len(), 4, "what lies behind a bomb is not unpacked");
    let linked = read_within(small(), "link.tar.gz", &tar_gz(&[], &["link.txt"])).await.unwrap_err();
    assert_eq!(
        linked.to_string(),
        "the entry is a link to another place; put the file itself into the archive"
    );
}

#[tokio::test]
async fn xml_with_entities_is_refused_before_they_grow() {
    let laughs =
        r#"<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><w:document><w:t>&b;</w:t></w:document>"#;
    let external =
        r#"<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><w:document><w:t>&a;</w:t></w:document>"#;
    let undeclared = "<w:document><w:t>&a;</w:t></w:document>";
    let files = [laughs, external, undeclared].map(|document| ("laughs.docx", docx_of(document)));
    let sheet = zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", br#"<!DOCTYPE d [<!ENTITY a "ha">]><workbook>&a;</workbook>"#),
    ]);
    for (name, file) in files.into_iter().chain([("laughs.xlsx", sheet)]) {
        let said = refusal(name, &file).await;
        assert_eq!(
            said,
            "the file's XML declares a document type, which office programs never do; save it anew in one"
        );
    }
}

#[tokio::test]
async fn tables_and_pages_without_end_are_refused() {
    let rows: String =
        (1..200).map(|row| format!(r#"<row r="{row}"><c r="A{row}"><v>1</v></c></row>"#)).collect();
    let refused = read_within(small(), "rows.xlsx", &xlsx(&[("A", &rows)])).await.unwrap_err();
    assert!(matches!(refused, ExtractError::TooManyPieces { pieces: 100 }));
    let far = r#"<row r="1048576"><c r="XFD1048576"><v>7</v></c></row>"#;
    let read = read_within(small(), "far.xlsx", &xlsx(&[("A", far)])).await.unwrap();
    assert!(read.text.ends_with("7") && read.text.len() < 1_000, "one cell far away is one cell");
    let page = line("a", 11, 700);
    let refused = read_within(small(), "pages.pdf", &pdf(&[page.as_str(); 11])).await.unwrap_err();
    assert!(matches!(refused, ExtractError::TooManyPages { pages: 10 }));
    let entries: Vec<String> = (0..11).map(|number| format!("{number}.txt")).collect();
    let entries: Vec<(&str, &[u8])> = entries.iter().map(|name| (name.as_str(), &b"a"[..])).collect();
    let refused = read_within(small(), "entries.zip", &zip(&entries)).await.unwrap_err();
    assert!(matches!(refused, ExtractError::TooManyEntries { entries: 10 }));
}

#[tokio::test]
async fn a_pdf_that_nests_without_end_is_over_soon() {
    let deep = 200_000;
    let arrays = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    let dictionaries = "<</A".repeat(deep);
    let page = line("text", 11, 700);
    let in_page = format!("{arrays} TJ {page}");
    let files = [
        pdf(&[&in_page]),
        pdf_with(&[&page], "", &[&arrays]),
        pdf_with(&[&page], "/Info 4 0 R", &[&arrays]),
        pdf_with(&[&page], "/Info 4 0 R", &[&dictionaries]),
        pdf_with(&[&page], &format!("/X {arrays}"), &[]),
        // A page tree that leads back to itself.
        String::from_utf8(pdf(&[&page])).unwrap().replace("/Kids[10 0 R ]", "/Kids[2 0 R  ]").into_bytes(),
    ];
    for file in files {
        match read_within(Limits::default(), "deep.pdf", &file).await {
            Ok(read) => assert_eq!(read.text, "text"),
            Err(error) => assert!(
                matches!(
                    error,
                    ExtractError::Damaged { .. } | ExtractError::Crashed { .. } | ExtractError::NoText
                ),
                "{error}"
            ),
        }
    }
}

#[tokio::test]
async fn the_death_of_a_parser_is_an_error_of_one_entry() {
    // Setting the line out needs more memory than the process may have, which aborts it.
    let limits = Limits { memory: 24 * MIB, ..Limits::default() };
    let large = vec![b'1'; 10 * MIB as usize];
    let file = zip(&[("a.txt", b"first"), ("large.json", &large), ("b.txt", b"last")]);
    let parts = parts(limits, "all.zip", &file).await;
    let told: Vec<_> = parts
        .into_iter()
        .map(|part| (part.path, part.extracted.map(|read| read.text).map_err(|error| error.to_string())))
        .collect();
    let too_much =
        "reading the file takes more than 24 MiB of memory; split it or save it in a simpler form".to_owned();
    assert_eq!(
        told,
        [
            ("a.txt".to_owned(), Ok("first".to_owned())),
            ("large.json".to_owned(), Err(too_much)),
            ("b.txt".to_owned(), Ok("last".to_owned())),
        ]
    );
}

#[tokio::test]
async fn a_file_that_would_take_minutes_is_given_up_when_its_time_is_over() {
    // Each attribute is compared with all before it.
    let attributes: String = (0..300_000).map(|number| format!(" a{number}")).collect();
    let page = format!("<p{attributes}>never read");
    let limits = Limits { time: Duration::from_millis(50), ..Limits::default() };
    let refused = read_within(limits, "slow.html", page.as_bytes()).await.unwrap_err();
    assert!(matches!(refused, ExtractError::TooSlow { .. }), "{refused}");
}

#[tokio::test]
async fn large_text_is_read_under_the_same_limits() {
    let brackets = "[".repeat(8 * MIB as usize);
    let limits = Limits { memory: 64 * MIB, ..Limits::default() };
    let refused = read_within(limits, "brackets.md", brackets.as_bytes()).await.unwrap_err();
    assert!(matches!(refused, ExtractError::TooMuchMemory { mib: 64 }), "{refused}");
    let words = "pears and plums\n".repeat(200_000);
    assert_eq!(read_within(Limits::default(), "words.txt", words.as_bytes()).await.unwrap().text, words);
}

#[tokio::test]
async fn an_archive_has_its_time_in_all() {
    let limits = Limits { whole_time: Duration::ZERO, ..Limits::default() };
    let file = zip(&[("a.txt", b"a"), ("b.txt", b"b")]);
    let parts = parts(limits, "slow.zip", &file).await;
    assert_eq!(parts.len(), 1);
    assert!(matches!(parts[0].extracted, Err(ExtractError::TooSlow { .. })));
}

#[tokio::test]
async fn a_program_that_is_no_reader_or_none_at_all_is_an_error_of_the_file() {
    let file = || file(&pdf(&[&line("a", 11, 700)]));
    let refused = |program: &str| {
        let extractor =
            knowledge::extract::Extractor::new(program.into(), Limits::default(), &chat::Tasks::new());
        async move { extractor.extract("a.pdf", file()).await.next().await.unwrap().extracted.unwrap_err() }
    };
    let dead = refused("/bin/false").await;
    assert!(matches!(dead, ExtractError::Crashed { .. }), "{dead}");
    let babbling = refused("/bin/echo").await;
    assert!(matches!(babbling, ExtractError::Crashed { .. }), "{babbling}");
    let absent = refused("/no/such/program").await;
    assert!(matches!(absent, ExtractError::NoWorker(_)) && absent.is_temporary(), "{absent}");
}

#[tokio::test]
async fn reading_ends_when_the_server_stops() {
    let tasks = chat::Tasks::new();
    let program = env!("CARGO_BIN_EXE_extract-worker").into();
    let extractor = knowledge::extract::Extractor::new(program, Limits::default(), &tasks);
    let mut begun = extractor.extract("a.pdf", file(&pdf(&[&line("a", 11, 700)]))).await;
    tasks.closing().cancel();
    assert!(matches!(begun.next().await.unwrap().extracted, Err(ExtractError::Stopping)));
    assert!(begun.next().await.is_none());
    let mut parts = extractor.extract("a.pdf", file(&pdf(&[&line("a", 11, 700)]))).await;
    let told = parts.next().await.unwrap().extracted;
    assert!(matches!(told, Err(ExtractError::Stopping)));
    assert!(parts.next().await.is_none());
}

#[tokio::test]
async fn bytes_of_any_kind_under_any_name_are_read_or_refused() {
    let seeds = [
        ("a.pdf", pdf(&[&line("Hello there", 11, 700)])),
        ("a.docx", docx_of("<w:document><w:p><w:r><w:t>Hello</w:t></w:r></w:p></w:document>")),
        ("a.xlsx", xlsx(&[("A", r#"<row r="1"><c r="A1"><v>1</v></c></row>"#)])),
        ("a.rtf", b"{\\rtf1\\ansi\\u228?{\\*\\x y}\\trowd a\\cell\\row\\pard \\'e4 b}".to_vec()),
        ("a.html", b"<table><tr><th>a<td>b</table><h1>c</h2><pre>d\n</pre>&amp;&#x41;".to_vec()),
        ("a.md", b"---\ntitle: x\n---\n# a\n\n|b|c|\n|-|-|\n|d|e|\n".to_vec()),
        ("a.csv", b"a,b\n\"c\nd\",e\n".to_vec()),
        ("a.json", b"{\"a\": [1, {\"b\": \"\\u00e4\"}]}".to_vec()),
    ];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    for round in 0..60 {
        for (name, seed) in &seeds {
            let mut bytes = seed.clone();
            for _ in 0..=next(8) {
                let place = next(bytes.len());
                match next(4) {
                    0 => bytes.truncate(place.max(1)),
                    1 => bytes[place] = next(256) as u8,
                    2 => bytes.insert(place, next(256) as u8),
                    _ => drop(bytes.remove(place.min(bytes.len() - 1))),
                }
                if bytes.is_empty() {
                    bytes.push(b'x');
                }
            }
            entries.push((format!("{round}/{name}"), bytes));
        }
    }
    let entries: Vec<(&str, &[u8])> =
        entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let parts = parts(Limits::default(), "any.zip", &zip(&entries)).await;
    assert_eq!(parts.len(), entries.len());
    let is_ours = |path: &str| !path.ends_with(".pdf") && !path.ends_with(".xlsx");
    for part in parts {
        let has_crashed = matches!(part.extracted, Err(ExtractError::Crashed { .. }));
        assert!(!(has_crashed && is_ours(&part.path)), "{} made a parser of ours panic", part.path);
    }
}
