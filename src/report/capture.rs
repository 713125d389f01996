//! Secondary Captures (PS3.3 A.8.1): what every viewer can show, with the words burned in.
//!
//! The words stand above and below the picture, never on it; above it, too, the letters of the
//! patient's sides, for a picture that nobody can turn must say which side is which.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "glyph places are floats inside a canvas whose sides fit 16 bits"
)]

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use dicom_dictionary_std::tags;

use crate::base::REGULATORY;
use crate::infer::finding::Picture;

use super::ReportError;
use super::common::{Context, Planned};
use super::dataset::{DataSet, kept};
use super::modules::copy;
use super::notice;

/// The font `DejaVu` Sans; its licence stands beside it.
const FONT: &[u8] = include_bytes!("font/DejaVuSans.ttf");
/// Pixels of a row at least: the longest word of ours must fit at the smallest size.
const WIDTH_MIN: usize = 512;
/// How the line begins that says whose it is.
const PATIENT_ID: &str = "Patient ID";
/// Pixels between text and border.
const MARGIN: usize = 10;

const WHITE: [u8; 3] = [235, 235, 235];
const AMBER: [u8; 3] = [255, 191, 0];

/// A line of words and its colour.
type Line = (String, [u8; 3]);

struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

struct Words<'a> {
    font: FontRef<'a>,
    /// Height of a line, pixels.
    size: f32,
}

/// Writes one capture: a picture, or words alone.
///
/// # Errors
///
/// [`ReportError::TooMany`] where the words make it taller than an image can be.
pub(super) fn write(context: &Context<'_>, planned: &Planned) -> Result<Vec<u8>, ReportError> {
    let picture = planned.picture.and_then(|index| context.reading()?.pictures.get(index));
    let (above, below) = match picture {
        Some(picture) => words_of_picture(context, picture),
        None => words_alone(context),
    };
    let orientation = picture.and_then(|picture| orientation(context, picture));
    let sides = orientation.as_ref().map(|[columns, _]| [opposite(columns), columns.clone()]);
    let canvas = compose((picture, sides.as_ref()), &above, &below)?;
    let mut set = context.instance(planned);
    set.text(tags::IMAGE_TYPE, "DERIVED\\SECONDARY");
    set.text(tags::CONVERSION_TYPE, "WSD");
    set.text(tags::DATE_OF_SECONDARY_CAPTURE, &context.job.decided.da());
    set.text(tags::TIME_OF_SECONDARY_CAPTURE, &context.job.decided.tm());
    set.text(tags::BURNED_IN_ANNOTATION, "YES");
    match &orientation {
        Some([columns, rows]) => {
            set.text(tags::PATIENT_ORIENTATION, &format!("{columns}\\{rows}"));
        }
        None => set.empty(tags::PATIENT_ORIENTATION),
    }
    let all: Vec<&str> = above.iter().chain(&below).map(|(line, _)| &**line).collect();
    set.text(tags::IMAGE_COMMENTS, &all.join("\n"));
    set.text(tags::DERIVATION_DESCRIPTION, &notice::made_by(context));
    if let Some(reference) = picture.and_then(|picture| context.reference(picture.slice)) {
        set.item(tags::SOURCE_IMAGE_SEQUENCE, reference.item());
    }
    if let Some(first) = context.sources.first() {
        // Required, if empty, where no body part tells that there are not two of it (C.7.3.1).
        if first.filled(tags::BODY_PART_EXAMINED).is_none() {
            set.empty(tags::LATERALITY);
        }
        let repeated = [tags::BODY_PART_EXAMINED, tags::LATERALITY, tags::QUALITY_CONTROL_IMAGE];
        copy(&mut set, first, &repeated);
    }
    pixels(&mut set, canvas)?;
    context.lossy(&mut set);
    set.encode()
}

/// Towards which end of the patient rising columns and rows run (PS3.3 C.7.6.1.1.1): the letter of
/// the nearest axis, from the source's Image Orientation (Patient).
fn orientation(context: &Context<'_>, picture: &Picture) -> Option<[String; 2]> {
    let source = context.source(picture.slice)?;
    let cosines = source.header.exactly::<6>(kept(tags::IMAGE_ORIENTATION_PATIENT))?;
    let letter = |axis: [f64; 3]| {
        let ends = [["R", "L"], ["A", "P"], ["F", "H"]].into_iter().zip(axis);
        let (ends, along) = ends.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()))?;
        let [falling, rising] = ends;
        Some(if along < 0.0 { falling } else { rising }.to_owned())
    };
    let ([columns, rows], _) = cosines.as_chunks::<3>() else { return None };
    Some([letter(*columns)?, letter(*rows)?])
}

/// The letter of the other end of an axis.
fn opposite(letter: &str) -> String {
    let pairs = [("R", "L"), ("A", "P"), ("F", "H")];
    let other = pairs.iter().find_map(|(one, other)| match letter {
        letter if letter == *one => Some(*other),
        letter if letter == *other => Some(*one),
        _ => None,
    });
    other.unwrap_or(letter).to_owned()
}

fn words_of_picture(context: &Context<'_>, picture: &Picture) -> (Vec<Line>, Vec<Line>) {
    let mut above = vec![(REGULATORY.to_owned(), AMBER)];
    let slice = notice::slice_name(context, picture.slice);
    let names = picture.marks.iter().map(|index| {
        let index = usize::try_from(*index).unwrap_or(usize::MAX);
        notice::mark_name(index)
    });
    let names = names.collect::<Vec<_>>().join(", ");
    above.push(match names.as_str() {
        "" => (format!("No {} on {slice}", notice::AI_MARK), WHITE),
        _ => (format!("{names} on {slice}"), WHITE),
    });
    let mut below = Vec::new();
    for index in &picture.marks {
        let index = usize::try_from(*index).unwrap_or(usize::MAX);
        if let Some(mark) = context.marks().get(index) {
            below.push((notice::mark_line(index, mark), WHITE));
        }
    }
    below.push((notice::summary(context), WHITE));
    below.extend(footer(context));
    (above, below)
}

fn words_alone(context: &Context<'_>) -> (Vec<Line>, Vec<Line>) {
    let above = vec![(REGULATORY.to_owned(), AMBER)];
    let mut below = vec![(notice::summary(context), WHITE)];
    let marks = context.marks().iter().enumerate();
    below.extend(marks.map(|(index, mark)| (notice::mark_line(index, mark), WHITE)));
    below.extend(footer(context));
    (above, below)
}

/// What made it and, where it can be drawn, whose it is: a capture must not pass for another's.
fn footer(context: &Context<'_>) -> Vec<Line> {
    let mut lines = vec![(notice::made_by(context), WHITE)];
    let id = context
        .sources
        .first()
        .and_then(|source| source.filled(tags::PATIENT_ID))
        .filter(|id| id.iter().all(|byte| (b' '..=b'~').contains(byte)));
    if let Some(id) = id {
        let id = String::from_utf8_lossy(id);
        lines.push((format!("{PATIENT_ID} {}", id.trim()), WHITE));
    }
    lines
}

fn pixels(set: &mut DataSet, canvas: Canvas) -> Result<(), ReportError> {
    let side =
        |side: usize| u16::try_from(side).map_err(|_beyond| ReportError::TooMany { what: "words" });
    set.u16s(tags::SAMPLES_PER_PIXEL, &[3]);
    set.text(tags::PHOTOMETRIC_INTERPRETATION, "RGB");
    set.u16s(tags::PLANAR_CONFIGURATION, &[0]);
    set.u16s(tags::ROWS, &[side(canvas.height)?]);
    set.u16s(tags::COLUMNS, &[side(canvas.width)?]);
    set.u16s(tags::BITS_ALLOCATED, &[8]);
    set.u16s(tags::BITS_STORED, &[8]);
    set.u16s(tags::HIGH_BIT, &[7]);
    set.u16s(tags::PIXEL_REPRESENTATION, &[0]);
    set.owned(tags::PIXEL_DATA, canvas.rgb);
    Ok(())
}

fn compose(
    (picture, sides): (Option<&Picture>, Option<&[String; 2]>),
    above: &[Line],
    below: &[Line],
) -> Result<Canvas, ReportError> {
    let side = |side: u32| usize::try_from(side).unwrap_or(0);
    let [picture_width, picture_height] =
        picture.map_or([0, 0], |picture| [picture.width, picture.height].map(side));
    let width = picture_width.max(WIDTH_MIN);
    let words = Words {
        font: FontRef::try_from_slice(FONT).map_err(|source| ReportError::Font { source })?,
        size: (width as f32 / 28.0).clamp(18.0, 40.0),
    };
    let above = words.wrap_all(above, width - 2 * MARGIN);
    let below = words.wrap_all(below, width - 2 * MARGIN);
    let band = |lines: &[Line]| lines.len() * words.line_height() + 2 * MARGIN;
    // The letters of the sides have a line of their own, right above the picture.
    let top = band(&above) + sides.map_or(0, |_| words.line_height());
    let height = top + picture_height + band(&below);
    if usize::from(u16::MAX) < height {
        return Err(ReportError::TooMany { what: "words" });
    }
    let mut canvas = Canvas { width, height, rgb: vec![0; width * height * 3] };
    words.draw_all(&mut canvas, &above, MARGIN);
    if let Some(picture) = picture {
        canvas.paste(picture, (width - picture_width) / 2, top);
    }
    if let Some([left, right]) = sides {
        let line = top - words.line_height() - MARGIN / 2;
        words.draw(&mut canvas, left, [MARGIN, line], AMBER);
        let end = words.width_of(right).ceil() as usize;
        words.draw(&mut canvas, right, [width - MARGIN - end, line], AMBER);
    }
    words.draw_all(&mut canvas, &below, top + picture_height + MARGIN);
    Ok(canvas)
}

impl Canvas {
    fn paste(&mut self, picture: &Picture, left: usize, top: usize) {
        let row_bytes = usize::try_from(picture.width).unwrap_or(0) * 3;
        if row_bytes == 0 {
            return;
        }
        for (row, source) in picture.rgb.chunks_exact(row_bytes).enumerate() {
            let start = ((top + row) * self.width + left) * 3;
            if let Some(place) = self.rgb.get_mut(start..start + row_bytes) {
                place.copy_from_slice(source);
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, colour: [u8; 3], coverage: f32) {
        if self.width <= x {
            return;
        }
        let start = (y * self.width + x) * 3;
        let Some(pixel) = self.rgb.get_mut(start..start + 3) else {
            return;
        };
        for (under, over) in pixel.iter_mut().zip(colour) {
            let mixed = f32::from(*under) * (1.0 - coverage) + f32::from(over) * coverage;
            *under = mixed.round().clamp(0.0, 255.0) as u8;
        }
    }
}

impl Words<'_> {
    fn line_height(&self) -> usize {
        (self.size * 1.25).ceil() as usize
    }

    fn width_of(&self, text: &str) -> f32 {
        let scaled = self.font.as_scaled(PxScale::from(self.size));
        text.chars().map(|c| scaled.h_advance(scaled.glyph_id(c))).sum()
    }

    /// Breaks lines between words; a word that is wider than the line is broken anywhere.
    fn wrap_all(&self, lines: &[Line], width: usize) -> Vec<Line> {
        let mut wrapped = Vec::new();
        for (text, colour) in lines {
            let pieces = self.wrap(text, width as f32);
            wrapped.extend(pieces.into_iter().map(|piece| (piece, *colour)));
        }
        wrapped
    }

    fn wrap(&self, text: &str, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = format!("{line} {word}");
            if line.is_empty() || self.width_of(&longer) <= width {
                longer.trim_start().clone_into(&mut line);
            } else {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            }
            while width < self.width_of(&line) {
                let mut head = String::new();
                let mut rest = line.chars().peekable();
                while let Some(c) = rest.peek() {
                    if !head.is_empty() && width < self.width_of(&format!("{head}{c}")) {
                        break;
                    }
                    head.extend(rest.next());
                }
                line = rest.collect();
                lines.push(head);
            }
        }
        lines.push(line);
        lines
    }

    fn draw_all(&self, canvas: &mut Canvas, lines: &[Line], top: usize) {
        for (row, (text, colour)) in lines.iter().enumerate() {
            let top = top + row * self.line_height();
            self.draw(canvas, text, [MARGIN, top], *colour);
        }
    }

    fn draw(&self, canvas: &mut Canvas, text: &str, at: [usize; 2], colour: [u8; 3]) {
        let scaled = self.font.as_scaled(PxScale::from(self.size));
        let [left, top] = at;
        let baseline = top as f32 + scaled.ascent();
        let mut x = left as f32;
        for c in text.chars() {
            let id = scaled.glyph_id(c);
            let glyph = id.with_scale_and_position(self.size, ab_glyph::point(x, baseline.round()));
            x += scaled.h_advance(id);
            let Some(outline) = self.font.outline_glyph(glyph) else {
                continue;
            };
            let bounds = outline.px_bounds();
            outline.draw(|dx, dy, coverage| {
                let (px, py) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
                if 0.0 <= px && 0.0 <= py {
                    canvas.blend(px as usize, py as usize, colour, coverage.clamp(0.0, 1.0));
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words<'static> {
        Words { font: FontRef::try_from_slice(FONT).unwrap(), size: 18.0 }
    }

    #[test]
    fn no_line_is_wider_than_the_picture_and_no_word_is_lost() {
        let text = format!("{REGULATORY} {} end", "x".repeat(300));
        let lines = words().wrap(&text, 492.0);
        for line in &lines {
            assert!(words().width_of(line) <= 492.0, "{line}");
        }
        let joined: String = lines.concat();
        assert_eq!(joined.replace(' ', ""), text.replace(' ', ""));
    }

    #[test]
    fn the_sides_are_named_above_the_picture_at_their_own_ends() {
        let picture =
            Picture { slice: 0, width: 512, height: 2, rgb: vec![0; 3072], marks: Vec::new() };
        let sides = ["R".to_owned(), "L".to_owned()];
        let named = compose((Some(&picture), Some(&sides)), &[], &[]).unwrap();
        let plain = compose((Some(&picture), None), &[], &[]).unwrap();
        assert_eq!(named.height, plain.height + words().line_height());
        let lit = |columns: std::ops::Range<usize>| {
            let rows = named.rgb.chunks_exact(WIDTH_MIN * 3);
            let pixels = rows.flat_map(|row| row[columns.start * 3..columns.end * 3].chunks(3));
            pixels.filter(|pixel| 150 < pixel[0]).count()
        };
        assert!(10 < lit(0..40) && 10 < lit(472..512) && lit(40..472) == 0);
    }

    #[test]
    fn every_letter_has_the_one_of_the_other_end() {
        for (one, other) in [("R", "L"), ("A", "P"), ("F", "H")] {
            assert_eq!((opposite(one), opposite(other)), (other.to_owned(), one.to_owned()));
        }
    }

    #[test]
    fn the_picture_is_untouched_between_the_words() {
        let picture =
            Picture { slice: 0, width: 6, height: 2, rgb: (100..136).collect(), marks: Vec::new() };
        let line = vec![(REGULATORY.to_owned(), AMBER)];
        let canvas = compose((Some(&picture), None), &line, &line).unwrap();
        assert_eq!(canvas.width, WIDTH_MIN);
        let top = (canvas.height - 2) / 2;
        let left = (WIDTH_MIN - 6) / 2;
        for row in 0..2 {
            let start = ((top + row) * WIDTH_MIN + left) * 3;
            assert_eq!(canvas.rgb[start..start + 18], picture.rgb[row * 18..row * 18 + 18]);
        }
        let band = canvas.rgb[..top * WIDTH_MIN * 3].chunks_exact(3);
        let lit = band.filter(|pixel| 200 < pixel[0]).count();
        assert!(400 < lit, "{lit} bright pixels for the sentence");
    }
}
