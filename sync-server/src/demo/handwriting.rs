//! Makes up signatures for the demo: the strokes a customer might write with a finger, drawn from a seed and a name.
//!
//! The same arguments give the same strokes on every machine. They lie in a box of 1,000 by 400, y downward; a point is
//! `[x, y, t_ms, pressure]` with the time since the first touch and a pressure of 1 to 1,000. Time grows along a stroke
//! and from stroke to stroke, slower in the bends, as a hand does.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Width of the box.
pub(super) const WIDTH: i64 = 1_000;
/// Height of the box.
pub(super) const HEIGHT: i64 = 400;

/// One touch of the pen, from down to up: `[x, y, t_ms, pressure]` per point.
pub(super) type Stroke = Vec<[i64; 4]>;

/// Most characters of a name that are written; the rest becomes the flourish, as with most signatures.
const LETTERS_MAX: usize = 24;
/// Milliseconds between two points, as touch screens report them.
const SAMPLE_MS: i64 = 8;
/// Pause while the pen is in the air, milliseconds.
const LIFT_MS: std::ops::Range<i64> = 90..220;

type Place = (f32, f32);

/// Returns the strokes of a signature, at least one, for any name.
pub(super) fn signature(seed: u64, name: &str) -> Vec<Stroke> {
    let mut hash = blake3::Hasher::new();
    hash.update(&seed.to_le_bytes()).update(name.as_bytes());
    let mut hand = Hand { chance: ChaCha8Rng::from_seed(*hash.finalize().as_bytes()), paths: Vec::new(), x: 0.0 };
    for word in name.split_whitespace() {
        hand.write_word(word);
    }
    hand.add_flourish();
    into_box(&mut hand.paths);
    hand.timed()
}

/// A hand that writes: the bends of what it has written so far, and where it is.
struct Hand {
    chance: ChaCha8Rng,
    paths: Vec<Vec<Place>>,
    x: f32,
}

impl Hand {
    fn write_word(&mut self, word: &str) {
        let letters: Vec<char> = word.chars().take(LETTERS_MAX).collect();
        if letters.iter().any(|letter| is_drawn(*letter)) {
            letters.iter().for_each(|letter| self.draw_character(*letter));
            self.x += 20.0;
            return;
        }
        let mut line = vec![(self.x, 4.0)];
        let mut later = Vec::new();
        for (index, letter) in letters.iter().enumerate() {
            if index == 0 {
                self.write_capital(*letter, &mut line);
            } else {
                self.write_letter(*letter, &mut line, &mut later);
            }
        }
        let end = self.x;
        line.push((end + 18.0, self.wobble(-4.0, 5.0)));
        self.paths.push(line);
        self.paths.append(&mut later);
        self.x += 42.0;
    }

    /// A tall loop, its bends taken from the letter so that the same initial looks the same.
    fn write_capital(&mut self, letter: char, line: &mut Vec<Place>) {
        let shape = u32::from(letter) % 3;
        let width = self.wobble(58.0, 8.0);
        let bends: &[Place] = match shape {
            0 => &[(0.1, -60.0), (0.5, -112.0), (0.7, -60.0), (0.35, -6.0), (0.0, -30.0), (0.5, -52.0), (1.0, -10.0)],
            1 => &[(0.6, -104.0), (0.1, -84.0), (0.2, -40.0), (0.7, -58.0), (0.8, -10.0), (0.3, 6.0), (1.0, -20.0)],
            _ => &[(0.05, -108.0), (0.15, -20.0), (0.2, -90.0), (0.7, -110.0), (0.75, -50.0), (0.2, -48.0), (1.0, 0.0)],
        };
        self.bend(line, bends, width);
    }

    /// A small letter by its class: with a tall loop, with a loop below, or a hump.
    fn write_letter(&mut self, letter: char, line: &mut Vec<Place>, later: &mut Vec<Vec<Place>>) {
        let start = self.x;
        match letter.to_lowercase().next().unwrap_or(letter) {
            'b' | 'd' | 'f' | 'h' | 'k' | 'l' | 't' => {
                let width = self.wobble(26.0, 4.0);
                self.bend(line, &[(0.7, -50.0), (0.5, -86.0), (0.25, -40.0), (0.4, 0.0), (1.0, -8.0)], width);
            }
            'g' | 'j' | 'p' | 'q' | 'y' => {
                let width = self.wobble(30.0, 4.0);
                self.bend(
                    line,
                    &[(0.3, -34.0), (0.6, -6.0), (0.7, 40.0), (0.3, 58.0), (0.5, 14.0), (1.0, -6.0)],
                    width,
                );
            }
            'm' | 'w' => {
                let width = self.wobble(50.0, 5.0);
                self.bend(
                    line,
                    &[(0.15, -34.0), (0.3, 0.0), (0.5, -32.0), (0.65, 0.0), (0.85, -30.0), (1.0, -2.0)],
                    width,
                );
            }
            'a' | 'c' | 'e' | 'o' | 's' => {
                let width = self.wobble(26.0, 4.0);
                self.bend(line, &[(0.8, -34.0), (0.2, -28.0), (0.3, 0.0), (1.0, -4.0)], width);
            }
            _ => {
                let width = self.wobble(24.0, 4.0);
                self.bend(line, &[(0.35, -34.0), (0.5, -2.0), (1.0, -6.0)], width);
            }
        }
        let middle = (start + self.x) / 2.0;
        match letter {
            'i' | 'j' | 'ä' | 'ö' | 'ü' => {
                later.push(vec![(middle + 16.0, -62.0), (middle + 19.0, -59.0), (middle + 18.0, -55.0)]);
            }
            't' | 'f' => {
                let rise = self.wobble(-4.0, 4.0);
                later.push(vec![(start - 6.0, -52.0), (middle + 8.0, -55.0 + rise), (self.x + 14.0, -58.0 + rise)]);
            }
            _ => {}
        }
    }

    /// A character of straight strokes in a square, which ones taken from the character.
    fn draw_character(&mut self, letter: char) {
        let mut bits = u32::from(letter).wrapping_mul(2_654_435_761);
        let left = self.x;
        for stroke in 0..4 + bits % 3 {
            bits = bits.rotate_left(7).wrapping_add(stroke);
            let level = -84.0 + 22.0 * f32::from(u8::try_from(bits % 4).unwrap_or(0));
            let lean = self.wobble(0.0, 4.0);
            let path = match stroke % 4 {
                0 => vec![(left + 6.0, level + 6.0), (left + 40.0, level), (left + 78.0, level - 4.0 + lean)],
                1 => vec![(left + 42.0 + lean, -92.0), (left + 40.0, -50.0), (left + 38.0, 4.0), (left + 30.0, -4.0)],
                2 => vec![(left + 44.0, level), (left + 28.0, -24.0), (left + 4.0 + lean, 2.0)],
                _ => vec![(left + 42.0, -46.0 + lean), (left + 60.0, -18.0), (left + 84.0, 2.0)],
            };
            self.paths.push(path);
        }
        self.x += self.wobble(96.0, 6.0);
    }

    /// The line under a name, or the lone mark of somebody without one.
    fn add_flourish(&mut self) {
        let end = self.x.max(160.0);
        let depth = self.wobble(34.0, 8.0);
        let swing = self.wobble(0.0, 10.0);
        self.paths.push(vec![
            (end - 30.0, depth - 10.0),
            (end * 0.6, depth + 8.0 + swing),
            (end * 0.2, depth + 14.0),
            (end * 0.12, depth + 2.0),
            (end * 0.5, depth - 4.0 - swing),
            (end + 36.0, depth - 18.0),
        ]);
    }

    /// Continues a line through bends given as (share of the width, height), leaning to the right.
    fn bend(&mut self, line: &mut Vec<Place>, bends: &[Place], width: f32) {
        const LEAN: f32 = 0.28;
        for (share, height) in bends {
            let (x, y) = (self.wobble(self.x + share * width, 2.0), self.wobble(*height, 3.0));
            line.push((x - y * LEAN, y));
        }
        self.x += width;
    }

    fn wobble(&mut self, about: f32, by: f32) -> f32 {
        about + self.chance.random_range(-by..by)
    }

    /// The paths as a screen reports them: a point every few milliseconds, fewer of them where the hand is fast.
    fn timed(mut self) -> Vec<Stroke> {
        let mut now_ms = 0;
        let mut strokes = Vec::new();
        for path in std::mem::take(&mut self.paths) {
            let places = smooth(&path);
            let last = places.len() - 1;
            let stroke = places.iter().enumerate().map(|(index, place)| {
                let speed = if index == 0 { 0.0 } else { distance(places[index - 1], *place) };
                let from_end = index.min(last - index).min(4);
                let taper = f32::from(u8::try_from(from_end).unwrap_or(4)) / 4.0;
                let pressure = (860.0 - speed * 22.0).max(240.0) * (0.35 + 0.65 * taper);
                let tremble = self.chance.random_range(-20..=20);
                let t_ms = now_ms;
                now_ms += SAMPLE_MS;
                [
                    (place.0.round() as i64).clamp(0, WIDTH),
                    (place.1.round() as i64).clamp(0, HEIGHT),
                    t_ms,
                    (pressure as i64 + tremble).clamp(1, 1_000),
                ]
            });
            strokes.push(stroke.collect());
            now_ms += self.chance.random_range(LIFT_MS);
        }
        strokes
    }
}

/// Whether a character is written with separate strokes.
fn is_drawn(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// Moves and scales paths into the box, with a margin, keeping their proportions.
fn into_box(paths: &mut [Vec<Place>]) {
    const MARGIN: f32 = 30.0;
    // Curves swing a little beyond the bends they pass through; the margin takes that.
    let (width, height) = (WIDTH as f32 - 2.0 * MARGIN, HEIGHT as f32 - 2.0 * MARGIN);
    let places = || paths.iter().flatten();
    let low = places().fold((f32::MAX, f32::MAX), |low, place| (low.0.min(place.0), low.1.min(place.1)));
    let high = places().fold((f32::MIN, f32::MIN), |high, place| (high.0.max(place.0), high.1.max(place.1)));
    let scale = (width / (high.0 - low.0).max(1.0)).min(height / (high.1 - low.1).max(1.0));
    let left = MARGIN + (width - (high.0 - low.0) * scale) / 2.0;
    let top = MARGIN + (height - (high.1 - low.1) * scale) / 2.0;
    for place in paths.iter_mut().flatten() {
        *place = (left + (place.0 - low.0) * scale, top + (place.1 - low.1) * scale);
    }
}

/// A curve through all bends (Catmull-Rom), with points close together where the bends are.
fn smooth(bends: &[Place]) -> Vec<Place> {
    let at = |index: usize| bends[index.min(bends.len() - 1)];
    let mut curve = vec![at(0)];
    for index in 0..bends.len() - 1 {
        let (before, from, to, after) = (at(index.saturating_sub(1)), at(index), at(index + 1), at(index + 2));
        let steps = ((distance(from, to) / 9.0) as u8).clamp(3, 24);
        for step in 1..=steps {
            let share = f32::from(step) / f32::from(steps);
            // Slow out of a bend and slow into the next.
            let share = share * share * (3.0 - 2.0 * share) * 0.6 + share * 0.4;
            let along = |a: f32, b: f32, c: f32, d: f32| {
                let cubic = 3.0 * (b - c) + d - a;
                b + 0.5 * share * (c - a + share * (2.0 * a - 5.0 * b + 4.0 * c - d + share * cubic))
            };
            curve.push((along(before.0, from.0, to.0, after.0), along(before.1, from.1, to.1, after.1)));
        }
    }
    curve
}

fn distance(from: Place, to: Place) -> f32 {
    let (x, y) = (from.0 - to.0, from.1 - to.1);
    (x * x + y * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_signed_inside_the_box_and_forward_in_time() {
        for name in [
            "Anna Kowalski",
            "Jürgen Groß",
            "王伟",
            "김민준",
            "",
            " ",
            "x",
            &"very long name ".repeat(500),
            "\u{0}\u{10ffff}",
        ] {
            let strokes = signature(7, name);
            let points: Vec<[i64; 4]> = strokes.iter().flatten().copied().collect();

            assert!(strokes.iter().all(|stroke| stroke.len() > 2), "{name}");
            assert!(points.iter().all(|[x, y, _, pressure]| {
                (0..=WIDTH).contains(x) && (0..=HEIGHT).contains(y) && (1..=1_000).contains(pressure)
            }));
            assert!(points.is_sorted_by(|before, after| before[2] < after[2]), "{name}");
        }
    }

    #[test]
    fn the_same_name_and_seed_give_the_same_signature() {
        assert_eq!(signature(1, "Anna Kowalski"), signature(1, "Anna Kowalski"));
        assert_ne!(signature(1, "Anna Kowalski"), signature(2, "Anna Kowalski"));
        assert_ne!(signature(1, "Anna Kowalski"), signature(1, "Anna Kowalska"));
    }

    #[test]
    fn a_signature_has_the_size_and_duration_of_a_real_one() {
        let strokes = signature(3, "Anna Kowalski");
        let points = strokes.iter().map(Vec::len).sum::<usize>();
        let duration_ms = strokes.iter().flatten().map(|point| point[2]).max().unwrap();

        assert!((200..1_500).contains(&points), "{points}");
        assert!((1_500..12_000).contains(&duration_ms), "{duration_ms}");
    }
}
