//! Drawings made by us: signatures from strokes, codes from squares. Path data only, from numbers only.
//!
//! Nothing that a device sends is ever copied into markup: points are numbers when they arrive here, and numbers are
//! all that is written.

use std::fmt::Write;

use crate::qr::Qr;

/// A drawing of path data in its own box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drawing {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// One `d` attribute per path.
    pub(crate) paths: Vec<String>,
}

/// A point of a stroke, in whole units of the pad it was drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) x: i32,
    pub(crate) y: i32,
}

/// Room around a signature, in parts of its longer side.
const MARGIN_PARTS: i32 = 16;

/// Draws a signature: each stroke a smooth line through the midpoints of its points, cropped to what was drawn.
///
/// A signature without a single point gives a drawing without paths.
pub(crate) fn signature(strokes: &[Vec<Point>]) -> Drawing {
    let points = || strokes.iter().flatten();
    let (Some(left), Some(right)) = (points().map(|p| p.x).min(), points().map(|p| p.x).max()) else {
        return Drawing { width: 1, height: 1, paths: Vec::new() };
    };
    let top = points().map(|p| p.y).min().unwrap_or_default();
    let bottom = points().map(|p| p.y).max().unwrap_or_default();
    let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
    let margin = (width.max(height) / MARGIN_PARTS).max(4);
    let moved = |p: &Point| Point {
        x: p.x.saturating_sub(left).saturating_add(margin),
        y: p.y.saturating_sub(top).saturating_add(margin),
    };
    let paths = strokes.iter().filter(|stroke| !stroke.is_empty());
    Drawing {
        width: width.saturating_add(2 * margin).unsigned_abs(),
        height: height.saturating_add(2 * margin).unsigned_abs(),
        paths: paths.map(|stroke| stroke_path(&stroke.iter().map(moved).collect::<Vec<_>>())).collect(),
    }
}

fn stroke_path(points: &[Point]) -> String {
    let Some(first) = points.first() else { return String::new() };
    let mut path = format!("M{} {}", first.x, first.y);
    for pair in points[1..].windows(2) {
        let middle = Point { x: i32::midpoint(pair[0].x, pair[1].x), y: i32::midpoint(pair[0].y, pair[1].y) };
        append(&mut path, format_args!("Q{} {} {} {}", pair[0].x, pair[0].y, middle.x, middle.y));
    }
    let last = points.last().unwrap_or(first);
    append(&mut path, format_args!("L{} {}", last.x, last.y));
    path
}

fn append(path: &mut String, piece: std::fmt::Arguments<'_>) {
    path.write_fmt(piece).expect("writing to a string cannot fail");
}

/// Draws a QR code; `None` when the text is longer than any code can hold.
pub(crate) fn code_square(text: &str) -> Option<Drawing> {
    let qr = Qr::of(text).ok()?;
    let side = u32::try_from(qr.side()).ok()?;
    Some(Drawing { width: side, height: side, paths: vec![qr.svg_path()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_cropped_to_its_ink() {
        let stroke = vec![Point { x: 1000, y: 500 }, Point { x: 1100, y: 550 }, Point { x: 1160, y: 500 }];

        let drawing = signature(&[stroke, vec![]]);

        assert_eq!((drawing.width, drawing.height), (180, 70));
        assert_eq!(drawing.paths, ["M10 10Q110 60 140 35L170 10"]);
    }

    #[test]
    fn hostile_points_draw_something_and_never_panic() {
        let far = Point { x: i32::MAX, y: i32::MIN };
        let near = Point { x: i32::MIN, y: i32::MAX };

        assert_eq!(signature(&[vec![far, near, far], vec![near]]).paths.len(), 2);
        assert!(signature(&[]).paths.is_empty());
    }
}
