//! Each format gives its text and its structure.

use knowledge::extract::{Kind, Language, Limits};

use crate::files::{docx, line, pdf, pdf_with, pptx, tar_gz, xlsx, zip};
use crate::reading::{headings, pages, parts, read, table};

#[tokio::test]
async fn text_is_read_in_any_encoding_and_code_by_its_language() {
    let windows = b"Gr\xfc\xdfe, 5 \x80\r\n";
    assert_eq!(read("a.txt", windows).await.text, "Grüße, 5 €\n");
    let code = read("src/main.rs", b"fn main() {}\n").await;
    assert_eq!((code.text.as_str(), code.kind), ("fn main() {}\n", Kind::Code(Language::Rust)));
    assert_eq!(read("a.csv", b"a,b\n1,2\n").await.kind, Kind::Data);
}

#[tokio::test]
async fn a_word_document_gives_headings_by_style_and_tables_with_their_header() {
    let document = read(
        "fruit.docx",
        &docx(
            r#"<w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr><w:r><w:t>Pe</w:t></w:r><w:r><w:t>ars</w:t></w:r></w:p>
            <w:p><w:r><w:t xml:space="preserve">A pear </w:t></w:r><w:r><w:t>&lt;is&gt; sweet.</w:t></w:r>
            <w:r><w:delText>gone</w:delText></w:r><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>
            <w:p><w:pPr><w:pStyle w:val="Own"/></w:pPr><w:r><w:t>Prices</w:t></w:r></w:p>
            <w:tbl><w:tblPr><w:tblLook w:val="04A0"/></w:tblPr>
            <w:tr><w:tc><w:p><w:r><w:t>fruit</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>price</w:t></w:r></w:p></w:tc></w:tr>
            <w:tr><w:tc><w:p><w:r><w:t>pear</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>3</w:t></w:r></w:p>
            <w:p><w:r><w:t>each</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p/>
            <w:p><w:r><w:t>End</w:t><w:br/><w:t>of it</w:t></w:r></w:p>"#,
        ),
    )
    .await;
    assert_eq!(
        document.text,
        "Pears\n\nA pear <is> sweet.\n\nPrices\n\nfruit | price\npear | 3 each\n\nEnd\nof it"
    );
    assert_eq!(document.title.as_deref(), Some("Fruit & trees"));
    assert_eq!(headings(&document), [(1, "Pears"), (2, "Prices")]);
    assert_eq!(table(&document, 0), (Some("fruit | price"), vec!["pear | 3 each"]));
}

#[tokio::test]
async fn a_presentation_has_its_slides_as_pages_in_the_order_they_are_shown() {
    let slide = |title: &str, body: &str| {
        format!(
            r#"<p:sp><p:nvPr><p:ph type="title"/></p:nvPr><p:txBody><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:txBody></p:sp>
            <p:sp><p:nvPr><p:ph idx="1"/></p:nvPr><p:txBody><a:p><a:r><a:t>{body}</a:t></a:r></a:p></p:txBody></p:sp>"#
        )
    };
    let notes = r#"<p:sp><p:nvPr><p:ph type="sldNum"/></p:nvPr><p:txBody><a:p><a:r><a:t>7</a:t></a:r></a:p></p:txBody></p:sp>
        <p:sp><p:nvPr><p:ph type="body"/></p:nvPr><p:txBody><a:p><a:r><a:t>Say hello.</a:t></a:r></a:p></p:txBody></p:sp>"#;
    let table_slide = r#"<a:tbl><a:tblPr firstRow="1"/><a:tr><a:tc><a:t>a</a:t></a:tc><a:tc><a:t>b</a:t></a:tc></a:tr><a:tr><a:tc><a:t>1</a:t></a:tc><a:tc><a:t>2</a:t></a:tc></a:tr></a:tbl>"#;
    let first = slide("Pears", "are sweet");
    let document = read("talk.pptx", &pptx(&[(&first, notes), (table_slide, "")])).await;
    assert_eq!(pages(&document), ["Pears\n\nare sweet\n\nSay hello.", "a | b\n1 | 2"]);
    assert_eq!(headings(&document), [(1, "Pears")]);
    assert_eq!(table(&document, 0), (Some("a | b"), vec!["1 | 2"]));
}

#[tokio::test]
async fn a_workbook_has_its_sheets_as_pages_and_rows_under_the_names_of_their_columns() {
    let prices = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>since</t></is></c></row>
        <row r="2"><c r="A2" t="inlineStr"><is><t>pear</t></is></c><c r="B2"><v>0.30000000000000004</v></c><c r="C2" s="1"><v>45943</v></c></row>
        <row r="3"><c r="A3" t="inlineStr"><is><t>plum</t></is></c><c r="C3" t="b"><v>1</v></c></row>
        <row r="9"><c r="A9"><v>12</v></c></row>"#;
    let document = read("prices.xlsx", &xlsx(&[("Prices", prices), ("Empty", "")])).await;
    assert_eq!(
        pages(&document),
        ["Prices\n\nfruit | price | since\npear | 0.3 | 2025-10-13\nplum |  | TRUE\n\n12", "Empty"]
    );
    assert_eq!(headings(&document), [(1, "Prices"), (1, "Empty")]);
    assert_eq!(
        table(&document, 0),
        (Some("fruit | price | since"), vec!["pear | 0.3 | 2025-10-13", "plum |  | TRUE"])
    );
    assert_eq!(table(&document, 1), (None, vec!["12"]));
}

#[tokio::test]
async fn a_pdf_has_pages_paragraphs_and_headings_by_size() {
    let first = line("Fruit trees", 24, 700)
        + &line("A pear is sweet and an exam-", 11, 650)
        + &line("ple of a fruit.", 11, 637)
        + &line("Another paragraph costs 5 \\200.", 11, 600);
    let second = line("Care", 16, 700) + "BT /F1 11 Tf 50 650 Td [(Wa) -20 (ter) -400 (daily.)] TJ ET";
    let file = pdf_with(&[&first, &second], "/Info 4 0 R", &["<</Title(\\376\\377\\000F\\000\\374)>>"]);
    let document = read("fruit.pdf", &file).await;
    assert_eq!(
        pages(&document),
        [
            "Fruit trees\n\nA pear is sweet and an example of a fruit.\n\nAnother paragraph costs 5 €.",
            "Care\n\nWater daily."
        ]
    );
    assert_eq!(headings(&document), [(1, "Fruit trees"), (2, "Care")]);
    assert_eq!(document.title.as_deref(), Some("Fü"));
}

#[tokio::test]
async fn a_page_that_is_turned_reads_like_any_other() {
    let turned = "BT /F1 11 Tf 0 1 -1 0 100 50 Tm (Turned words) Tj ET";
    assert_eq!(read("turned.pdf", &pdf(&[turned])).await.text, "Turned words");
}

#[tokio::test]
async fn the_invisible_text_under_a_scan_is_read() {
    assert_eq!(
        read("scan.pdf", &pdf(&["BT 3 Tr /F1 11 Tf 50 700 Td (Seen by a scanner) Tj ET"])).await.text,
        "Seen by a scanner"
    );
}

#[tokio::test]
async fn rich_text_and_web_pages_are_read_by_their_bytes_even_without_an_ending() {
    assert_eq!(read("note", b"{\\rtf1 Hello}").await.text, "Hello");
    assert_eq!(read("page", b"<!doctype html><p>Hello").await.text, "Hello");
    let wide: Vec<u8> = "\u{feff}<!doctype html><p>Hello".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read("page", &wide).await.text, "Hello");
}

#[tokio::test]
async fn each_entry_of_an_archive_is_a_document_of_its_own_and_fails_alone() {
    let file = zip(&[
        ("docs/", b""),
        ("docs/a.md", b"# A\n"),
        ("docs/broken.pdf", b"%PDF-1.7 nothing"),
        ("docs\\b.rs", b"fn b() {}"),
        ("__MACOSX/._a", b"\0\x05"),
        ("c.docx", &docx("<w:p><w:r><w:t>C</w:t></w:r></w:p>")),
        ("picture.png", b"\x89PNG\r\n"),
    ]);
    let parts = parts(Limits::default(), "all.zip", &file).await;
    let told: Vec<_> = parts
        .into_iter()
        .map(|part| (part.path, part.extracted.map(|read| read.text).map_err(|error| error.to_string())))
        .collect();
    let damaged = "the file is not a readable PDF; open it in its program and save it anew";
    let picture = "the file is a picture, which is not read here; add a description of it in words";
    assert_eq!(
        told,
        [
            ("docs/a.md".to_owned(), Ok("# A\n".to_owned())),
            ("docs/broken.pdf".to_owned(), Err(damaged.to_owned())),
            ("docs/b.rs".to_owned(), Ok("fn b() {}".to_owned())),
            ("c.docx".to_owned(), Ok("C".to_owned())),
            ("picture.png".to_owned(), Err(picture.to_owned())),
        ]
    );
}

#[tokio::test]
async fn the_code_of_a_repository_comes_as_a_compressed_tar_archive() {
    let file = tar_gz(&[("repo-1/src/lib.rs", b"pub fn a() {}"), ("repo-1/README.md", b"# Repo")], &[]);
    for name in ["repo.tar.gz", "repo.tgz", "download"] {
        let parts = parts(Limits::default(), name, &file).await;
        let told: Vec<_> =
            parts.into_iter().map(|part| (part.path, part.extracted.map(|read| read.text).ok())).collect();
        assert_eq!(
            told,
            [
                ("repo-1/src/lib.rs".to_owned(), Some("pub fn a() {}".to_owned())),
                ("repo-1/README.md".to_owned(), Some("# Repo".to_owned())),
            ]
        );
    }
}
