//! Draws a text as a QR code, for a terminal and for a page.
//!
//! Both drawings include the quiet zone that readers need around the code. In the terminal the *light* squares are
//! printed and the dark ones left to the background, because terminals are dark; colours are not touched, so that the
//! code survives a log or a pipe.

use qrcode::{Color, EcLevel, QrCode};

/// Width of the empty border, squares; the standard asks for four.
const QUIET: usize = 4;

/// The text is longer than a QR code can hold, about 2,300 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("draw a QR code of a text this long")]
pub struct TooLong;

/// A QR code as squares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qr {
    /// Squares of one side, the quiet zone included.
    side: usize,
    /// Row by row, whether the square is dark.
    dark: Vec<bool>,
}

impl Qr {
    /// Encodes a text with medium error correction.
    ///
    /// # Errors
    ///
    /// [`TooLong`].
    pub fn of(text: &str) -> Result<Self, TooLong> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLong)?;
        let inner = code.width();
        let side = inner + 2 * QUIET;
        let mut dark = vec![false; side * side];
        for (row, squares) in code.to_colors().chunks_exact(inner).enumerate() {
            for (column, square) in squares.iter().enumerate() {
                dark[(row + QUIET) * side + column + QUIET] = *square == Color::Dark;
            }
        }
        Ok(Self { side, dark })
    }

    /// Squares of one side, the quiet zone included: the size of the `viewBox` that goes with [`Self::svg_path`].
    pub fn side(&self) -> usize {
        self.side
    }

    /// Returns the code as lines of half blocks, two rows of squares a line, for a terminal with a dark background.
    pub fn terminal(&self) -> String {
        let mut text = String::new();
        for top in (0..self.side).step_by(2) {
            for column in 0..self.side {
                // Below an odd last row is nothing, which is neither light nor printed.
                let is_light = |row| row < self.side && !self.is_dark(row, column);
                text.push(match (is_light(top), is_light(top + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push('\n');
        }
        text
    }

    /// Returns the dark squares as the `d` of one SVG path, one unit a square, for `viewBox="0 0 side side"`. Use it in
    /// black on white, with `shape-rendering="crispEdges"`.
    pub fn svg_path(&self) -> String {
        let mut path = String::new();
        for row in 0..self.side {
            let mut column = 0;
            while column < self.side {
                let width = (column..self.side).take_while(|at| self.is_dark(row, *at)).count();
                if width > 0 {
                    path.push_str(&format!("M{column} {row}h{width}v1h-{width}z"));
                }
                column += width + 1;
            }
        }
        path
    }

    fn is_dark(&self, row: usize, column: usize) -> bool {
        self.dark[row * self.side + column]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The squares of a terminal drawing, as a camera sees it: blocks are light.
    fn seen(terminal: &str, side: usize) -> Vec<bool> {
        let lines: Vec<Vec<char>> = terminal.lines().map(|line| line.chars().collect()).collect();
        let is_dark = |row: usize, column: usize| match lines[row / 2][column] {
            '█' => false,
            '▀' => !row.is_multiple_of(2),
            '▄' => row.is_multiple_of(2),
            _ => true,
        };
        (0..side * side).map(|at| is_dark(at / side, at % side)).collect()
    }

    #[test]
    fn the_terminal_shows_dark_squares_dark_and_a_quiet_zone_around() {
        let qr = Qr::of("https://office.example/enrol#K7QF-2M9X").unwrap();
        let terminal = qr.terminal();

        assert_eq!(seen(&terminal, qr.side()), qr.dark);
        assert_eq!(terminal.lines().count(), qr.side().div_ceil(2));
        assert!(terminal.lines().take(QUIET / 2).all(|line| line.chars().all(|c| c == '█')));
        let finder = [true, true, true, true, true, true, true, false];
        let start = QUIET * qr.side() + QUIET;
        assert_eq!(qr.dark[start..start + finder.len()], finder);
    }

    #[test]
    fn the_path_covers_exactly_the_dark_squares() {
        let qr = Qr::of("K7QF-2M9X").unwrap();

        let mut drawn = vec![false; qr.side() * qr.side()];
        for piece in qr.svg_path().split('z').filter(|piece| !piece.is_empty()) {
            let numbers: Vec<usize> =
                piece.split(['M', ' ', 'h', 'v', '-']).filter_map(|number| number.parse().ok()).collect();
            let [column, row, width, 1, back] = numbers[..] else { panic!("{piece}") };
            assert_eq!(width, back);
            drawn[row * qr.side() + column..][..width].fill(true);
        }
        assert_eq!(drawn, qr.dark);
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        assert_eq!(Qr::of(&"x".repeat(3_000)), Err(TooLong));
        assert!(Qr::of("").is_ok());
    }
}
