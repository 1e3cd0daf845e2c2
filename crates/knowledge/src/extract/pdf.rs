//! PDF: text in the order it is drawn, put back into lines and paragraphs, with pages, and headings by their size.
//!
//! The interpreter is hayro's, which draws pages; here nothing is drawn, only the glyphs are caught.

mod layout;

use hayro_interpret::font::GlyphRun;
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, TransformExt, interpret_page,
};

use super::decode::decode;
use super::error::ExtractError;
use super::limits::Limits;
use super::writer::Writer;
use super::{Extracted, Kind};
use layout::{Block, Glyph, Page};

/// How wide a glyph is whose font does not say it, in thousandths of its size.
const USUAL_WIDTH: f32 = 500.0;

pub(super) fn extract(bytes: Vec<u8>, limits: &Limits) -> Result<Extracted, ExtractError> {
    let pdf = Pdf::new(bytes).map_err(refusal)?;
    let pages = pdf.pages();
    limits.check_pages(pages.len())?;
    let cache = InterpreterCache::new();
    let mut read = Vec::with_capacity(pages.len());
    let mut left = limits.text;
    for page in pages.iter() {
        let (width, height) = page.render_dimensions();
        let mut context = Context::new(
            page.initial_transform(true).to_kurbo(),
            Rect::new(0.0, 0.0, f64::from(width), f64::from(height)),
            &cache,
            pdf.xref(),
            InterpreterSettings::default(),
        );
        let mut catcher = Catcher { page: Page::default(), left };
        interpret_page(page, &mut context, &mut catcher);
        if catcher.left == 0 {
            return Err(limits.too_much_text());
        }
        left = catcher.left;
        read.push(catcher.page.blocks());
    }
    layout::drop_running_lines(&mut read);
    let mut writer = Writer::new(limits);
    if let Some(title) = &pdf.metadata().title {
        writer.title(&title_text(title));
    }
    write(&mut writer, &read)?;
    writer.finish(Kind::Prose)
}

fn refusal(error: LoadPdfError) -> ExtractError {
    match error {
        LoadPdfError::Decryption(
            DecryptionError::PasswordProtected | DecryptionError::UnsupportedAlgorithm,
        ) => ExtractError::Encrypted,
        LoadPdfError::Decryption(DecryptionError::MissingIDEntry | DecryptionError::InvalidEncryption)
        | LoadPdfError::Invalid => ExtractError::damaged("PDF"),
    }
}

fn write(writer: &mut Writer<'_>, pages: &[Vec<Block>]) -> Result<(), ExtractError> {
    let levels = layout::heading_levels(pages);
    for page in pages {
        writer.page()?;
        for block in page {
            match levels.of(block) {
                Some(level) => writer.heading(level, &block.text)?,
                None => {
                    writer.text(&block.text)?;
                    writer.block();
                }
            }
        }
    }
    Ok(())
}

fn title_text(title: &[u8]) -> String {
    let title = decode(title.to_vec(), Some(encoding_rs::WINDOWS_1252));
    title.strip_prefix("Microsoft Word - ").map_or(title.clone(), str::to_owned)
}

/// Catches the glyphs of a page, up to as much text as is left.
struct Catcher {
    page: Page,
    left: u64,
}

impl Device<'_> for Catcher {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, '_>, props: DrawProps<'_>, _: &DrawMode) {
        for glyph in run.glyphs() {
            let text = match glyph.as_unicode() {
                Some(BfString::Char(char)) => {
                    layout::letters(char).map_or_else(|| char.to_string(), str::to_owned)
                }
                Some(BfString::String(text)) => text,
                None => continue,
            };
            self.left = self.left.saturating_sub(text.len() as u64);
            if self.left == 0 {
                return;
            }
            let width = match &**glyph {
                hayro_interpret::font::Glyph::Outline(glyph) => glyph.advance_width(),
                hayro_interpret::font::Glyph::Type3(glyph) => glyph.advance_width(),
            };
            let transform = props.transform * glyph.transform();
            self.page.push(placed(text, transform, width.unwrap_or(USUAL_WIDTH)));
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'_>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'_, '_>, _: ImageDrawProps<'_>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// Where a glyph stands on its page, as its reader turns it: text that runs up the page is read as if it ran along it.
fn placed(text: String, transform: Affine, width: f32) -> Glyph {
    let start = transform * Point::ZERO;
    let end = transform * Point::new(f64::from(width), 0.0);
    let top = transform * Point::new(0.0, 1_000.0);
    let along = transform * Point::new(1_000.0, 0.0) - start;
    let turned = |point: Point| {
        if along.x.abs() >= along.y.abs() {
            if along.x >= 0.0 { (point.x, point.y) } else { (-point.x, -point.y) }
        } else if along.y > 0.0 {
            (point.y, -point.x)
        } else {
            (-point.y, point.x)
        }
    };
    let ((left, baseline), (right, _)) = (turned(start), turned(end));
    Glyph { text, left, right, baseline, size: (top - start).hypot() }
}
