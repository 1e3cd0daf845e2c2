//! Small files of each format, put together by hand.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A ZIP archive of these entries.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).expect("memory takes it");
        zip.write_all(bytes).expect("memory takes it");
    }
    zip.finish().expect("memory takes it").into_inner()
}

/// A compressed TAR archive of these entries, and a link under each of the names of `links`.
pub(crate) fn tar_gz(entries: &[(&str, &[u8])], links: &[&str]) -> Vec<u8> {
    let compressor = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut tar = tar::Builder::new(compressor);
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        // By its bytes, since the crate refuses to write the names that a hostile archive has.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).expect("memory takes it");
    }
    for link in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, link, "/etc/passwd").expect("memory takes it");
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory takes it")
}

fn office(entries: &[(&str, &str)]) -> Vec<u8> {
    let types = ("[Content_Types].xml", "<Types/>");
    let entries: Vec<(&str, &[u8])> =
        std::iter::once(&types).chain(entries).map(|(name, xml)| (*name, xml.as_bytes())).collect();
    zip(&entries)
}

/// A Word document with this body.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    docx_of(&format!(r#"<?xml version="1.0"?><w:document xmlns:w="w"><w:body>{body}</w:body></w:document>"#))
}

/// A Word document whose main file is exactly this.
pub(crate) fn docx_of(document: &str) -> Vec<u8> {
    let styles = r#"<w:styles>
        <w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
        <w:style w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="Base"/></w:style>
        <w:style w:styleId="Base"><w:name w:val="Base"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
        </w:styles>"#;
    let core = "<cp:coreProperties><dc:title>Fruit &amp; trees</dc:title></cp:coreProperties>";
    office(&[("word/document.xml", document), ("word/styles.xml", styles), ("docProps/core.xml", core)])
}

/// A presentation of these slides, each with its XML and its notes.
pub(crate) fn pptx(slides: &[(&str, &str)]) -> Vec<u8> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let (mut ids, mut relations) = (String::new(), String::new());
    for (number, (slide, notes)) in slides.iter().enumerate() {
        // The second slide lies in the first file, as after a move.
        let file = slides.len() - number;
        ids += &format!(r#"<p:sldId id="{}" r:id="r{number}"/>"#, 256 + number);
        relations +=
            &format!(r#"<Relationship Id="r{number}" Type="t/slide" Target="slides/slide{file}.xml"/>"#);
        entries.push((format!("ppt/slides/slide{file}.xml"), format!("<p:sld>{slide}</p:sld>")));
        let relation =
            format!(r#"<Relationship Id="n" Type="t/notesSlide" Target="../notesSlides/n{file}.xml"/>"#);
        entries.push((format!("ppt/slides/_rels/slide{file}.xml.rels"), format!("<R>{relation}</R>")));
        entries.push((format!("ppt/notesSlides/n{file}.xml"), format!("<p:notes>{notes}</p:notes>")));
    }
    entries.push(("ppt/presentation.xml".into(), format!("<p:presentation>{ids}</p:presentation>")));
    entries.push(("ppt/_rels/presentation.xml.rels".into(), format!("<R>{relations}</R>")));
    let entries: Vec<(&str, &str)> =
        entries.iter().map(|(name, xml)| (name.as_str(), xml.as_str())).collect();
    office(&entries)
}

/// A workbook of sheets, each with its name and its rows.
pub(crate) fn xlsx(sheets: &[(&str, &str)]) -> Vec<u8> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let (mut list, mut relations) = (String::new(), String::new());
    for (number, (name, rows)) in sheets.iter().enumerate() {
        list += &format!(r#"<sheet name="{name}" sheetId="{}" r:id="r{number}"/>"#, number + 1);
        relations += &format!(
            r#"<Relationship Id="r{number}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet{number}.xml"/>"#
        );
        let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
        entries.push((format!("xl/worksheets/sheet{number}.xml"), sheet));
    }
    let workbook = format!(r#"<workbook xmlns:r="r"><sheets>{list}</sheets></workbook>"#);
    let strings = "<sst><si><t>fruit</t></si><si><r><t>pr</t></r><r><t>ice</t></r></si></sst>";
    let styles = r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;
    let root = r#"<Relationships><Relationship Id="w" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
    entries.push(("_rels/.rels".into(), root.into()));
    entries.push(("xl/workbook.xml".into(), workbook));
    entries
        .push(("xl/_rels/workbook.xml.rels".into(), format!("<Relationships>{relations}</Relationships>")));
    entries.push(("xl/sharedStrings.xml".into(), strings.into()));
    entries.push(("xl/styles.xml".into(), styles.into()));
    let entries: Vec<(&str, &str)> =
        entries.iter().map(|(name, xml)| (name.as_str(), xml.as_str())).collect();
    office(&entries)
}

/// A PDF of pages, each drawn by its operators, with fonts `/F1` (Helvetica) and what else the trailer is to have.
pub(crate) fn pdf_with(pages: &[&str], trailer: &str, objects: &[&str]) -> Vec<u8> {
    let kids: String = (0..pages.len()).map(|page| format!("{} 0 R ", 10 + page * 2)).collect();
    let mut all = vec![
        (1, "<</Type/Catalog/Pages 2 0 R>>".to_owned()),
        (2, format!("<</Type/Pages/Kids[{kids}]/Count {}>>", pages.len())),
        (3, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_owned()),
    ];
    all.extend(objects.iter().enumerate().map(|(number, object)| (4 + number, (*object).to_owned())));
    for (page, operators) in pages.iter().enumerate() {
        let (number, contents) = (10 + page * 2, 11 + page * 2);
        let resources = "/Resources<</Font<</F1 3 0 R>>>>";
        all.push((
            number,
            format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]{resources}/Contents {contents} 0 R>>"),
        ));
        all.push((contents, format!("<</Length {}>>stream\n{operators}\nendstream", operators.len())));
    }
    let mut pdf = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in &all {
        places.push((*number, pdf.len()));
        pdf.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let table = pdf.len();
    pdf.extend(b"xref\n0 1\n0000000000 65535 f \n");
    for (number, place) in places {
        pdf.extend(format!("{number} 1\n{place:010} 00000 n \n").bytes());
    }
    let size = all.iter().map(|(number, _)| number + 1).max().expect("there are objects");
    pdf.extend(format!("trailer<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{table}\n%%EOF\n").bytes());
    pdf
}

/// A PDF of pages with nothing else to it.
pub(crate) fn pdf(pages: &[&str]) -> Vec<u8> {
    pdf_with(pages, "", &[])
}

/// Operators that write a line in a size at a height of the page.
pub(crate) fn line(text: &str, size: u32, height: u32) -> String {
    format!("BT /F1 {size} Tf 50 {height} Td ({text}) Tj ET\n")
}
