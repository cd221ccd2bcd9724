//! Makes up photos for the demo: what a technician's phone might have taken, drawn from a seed.
//!
//! The same arguments give the same bytes on every machine: only sums, products and square roots are used. The grain of
//! a camera's sensor is drawn too, because a picture without it compresses to nothing and would not stand for a photo.

mod canvas;
mod lettering;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::canvas::{Canvas, Colour, mixed};

/// Width of a photo, pixels.
pub(super) const WIDTH: u32 = 640;
/// Height of a photo, pixels.
pub(super) const HEIGHT: u32 = 480;

/// What a photo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A round pressure gauge on a panel.
    Gauge,
    /// An excavator in the pit, from the side.
    Machine,
}

const WHITE: Colour = [242.0, 240.0, 232.0];
const BLACK: Colour = [28.0, 28.0, 30.0];
const RED: Colour = [190.0, 42.0, 34.0];

/// Returns a PNG of some 90 to 110 kB with a caption along its lower edge. Letters, digits and simple punctuation of the
/// caption are drawn, other characters as boxes; what does not fit is left out.
pub(super) fn photo(seed: u64, subject: Subject, caption: &str) -> Vec<u8> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    match subject {
        Subject::Gauge => draw_gauge(&mut canvas, &mut chance),
        Subject::Machine => draw_machine(&mut canvas, &mut chance),
    }
    darken_corners(&mut canvas);
    add_grain(&mut canvas, &mut chance);
    draw_caption(&mut canvas, caption);
    canvas.png()
}

/// A dial of 240 degrees with its needle somewhere, on a painted panel with bolts.
fn draw_gauge(canvas: &mut Canvas, chance: &mut ChaCha8Rng) {
    const TICKS: usize = 40;
    let tint = chance.random_range(0.0..30.0);
    let (top, bottom) = ([96.0 + tint, 112.0, 118.0], [54.0, 66.0 + tint, 76.0]);
    canvas.fill(|x, y| mixed(top, bottom, (y * 0.8 + x * 0.2) / 480.0));
    for (x, y) in [(48.0, 48.0), (592.0, 48.0), (48.0, 392.0), (592.0, 392.0)] {
        canvas.disc((x + 2.0, y + 3.0), 14.0, [40.0, 46.0, 52.0]);
        canvas.disc((x, y), 13.0, [150.0, 152.0, 150.0]);
        let lean = chance.random_range(-6.0..6.0);
        canvas.bar((x - 8.0, y - lean), (x + 8.0, y + lean), 2.0, [92.0, 94.0, 94.0]);
    }
    let centre = (320.0 + chance.random_range(-24.0..24.0), 216.0 + chance.random_range(-12.0..12.0));
    canvas.disc((centre.0 + 8.0, centre.1 + 12.0), 182.0, [38.0, 44.0, 50.0]);
    canvas.disc(centre, 180.0, [116.0, 118.0, 120.0]);
    canvas.disc((centre.0 - 3.0, centre.1 - 4.0), 172.0, [70.0, 72.0, 74.0]);
    canvas.disc(centre, 162.0, WHITE);

    let at = |tick: usize, radius: f32| {
        let (x, y) = direction(tick);
        (centre.0 + x * radius, centre.1 + y * radius)
    };
    for tick in 0..=TICKS {
        let (inner, thick) = if tick % 5 == 0 { (124.0, 2.4) } else { (136.0, 1.1) };
        let colour = if tick > 32 { RED } else { BLACK };
        canvas.bar(at(tick, inner), at(tick, 150.0), thick, colour);
    }
    for tick in (0..=TICKS).step_by(5) {
        let (x, y) = at(tick, 104.0);
        lettering::draw(canvas, &(tick * 10).to_string(), (x, y), 2, BLACK);
    }
    lettering::draw(canvas, "BAR", (centre.0, centre.1 + 62.0), 4, BLACK);
    let needle = chance.random_range(3..TICKS - 2);
    let tail = (2.0 * centre.0 - at(needle, 34.0).0, 2.0 * centre.1 - at(needle, 34.0).1);
    canvas.bar(
        (tail.0 + 4.0, tail.1 + 6.0),
        (at(needle, 132.0).0 + 4.0, at(needle, 132.0).1 + 6.0),
        3.0,
        [206.0, 204.0, 196.0],
    );
    canvas.bar(tail, at(needle, 132.0), 3.0, RED);
    canvas.disc(centre, 13.0, BLACK);
}

/// The direction of a tick of the dial: 0 is lower left, 40 lower right, six degrees each, by turning step for step.
fn direction(tick: usize) -> (f32, f32) {
    const STEP: (f32, f32) = (0.994_521_9, 0.104_528_46);
    (0..tick).fold((-0.866_025_4, 0.5), |(x, y), _| (x * STEP.0 - y * STEP.1, x * STEP.1 + y * STEP.0))
}

/// Sky, a bench of the pit, and a machine with its arm in one of many positions.
fn draw_machine(canvas: &mut Canvas, chance: &mut ChaCha8Rng) {
    let haze = chance.random_range(0.0..40.0);
    let (zenith, horizon) = ([104.0 + haze, 150.0 + haze * 0.5, 196.0], [222.0, 214.0 - haze * 0.4, 192.0]);
    canvas.fill(|_, y| mixed(zenith, horizon, y / 300.0));
    let slope: f32 = chance.random_range(-0.12..0.12);
    canvas.polygon(
        &[(0.0, 250.0 - slope * 200.0), (640.0, 230.0 + slope * 200.0), (640.0, 480.0), (0.0, 480.0)],
        [164.0, 128.0, 92.0],
    );
    canvas.polygon(&[(0.0, 345.0), (640.0, 335.0), (640.0, 480.0), (0.0, 480.0)], [132.0, 98.0, 68.0]);

    let paint = [222.0, 158.0 + chance.random_range(-24.0..24.0), 34.0];
    let shade = mixed(paint, BLACK, 0.35);
    let left = chance.random_range(60.0..120.0);
    canvas.bar((left + 20.0, 392.0), (left + 250.0, 392.0), 14.0, [92.0, 68.0, 48.0]);
    canvas.bar((left + 26.0, 364.0), (left + 230.0, 364.0), 28.0, [52.0, 50.0, 48.0]);
    for wheel in 0..6_u8 {
        let x = left + 32.0 + f32::from(wheel) * 39.0;
        canvas.disc((x, 366.0), 15.0, [86.0, 82.0, 78.0]);
        canvas.disc((x, 366.0), 5.0, [52.0, 50.0, 48.0]);
    }
    canvas.bar((left + 90.0, 326.0), (left + 170.0, 326.0), 12.0, shade);

    let elbow = (left + 340.0 + chance.random_range(-20.0..20.0), 120.0 + chance.random_range(-30.0..40.0));
    let wrist = (elbow.0 + chance.random_range(60.0..120.0), 268.0 + chance.random_range(-40.0..30.0));
    canvas.bar((left + 190.0, 290.0), (left + 262.0, 160.0), 17.0, paint);
    canvas.bar((left + 262.0, 160.0), elbow, 15.0, paint);
    canvas.bar((left + 200.0, 300.0), (left + 292.0, 164.0), 5.0, [176.0, 178.0, 180.0]);
    canvas.bar(elbow, wrist, 12.0, paint);
    canvas.bar((left + 280.0, 142.0), (elbow.0 + 14.0, elbow.1 - 20.0), 5.0, [176.0, 178.0, 180.0]);
    canvas.polygon(
        &[
            (wrist.0 - 34.0, wrist.1 - 6.0),
            (wrist.0 + 22.0, wrist.1 - 14.0),
            (wrist.0 + 20.0, wrist.1 + 44.0),
            (wrist.0 - 16.0, wrist.1 + 60.0),
        ],
        shade,
    );
    for tooth in 0..4_u8 {
        let x = wrist.0 - 20.0 + f32::from(tooth) * 12.0;
        canvas.bar((x, wrist.1 + 54.0), (x - 5.0, wrist.1 + 72.0), 3.0, BLACK);
    }

    canvas.polygon(&[(left - 10.0, 252.0), (left + 210.0, 246.0), (left + 226.0, 318.0), (left - 6.0, 318.0)], paint);
    canvas.polygon(&[(left - 8.0, 300.0), (left + 222.0, 300.0), (left + 226.0, 318.0), (left - 6.0, 318.0)], shade);
    canvas
        .polygon(&[(left + 132.0, 178.0), (left + 204.0, 178.0), (left + 220.0, 262.0), (left + 132.0, 262.0)], paint);
    canvas.polygon(
        &[(left + 142.0, 188.0), (left + 196.0, 188.0), (left + 208.0, 248.0), (left + 142.0, 248.0)],
        [84.0, 112.0, 128.0],
    );
    canvas.bar((left + 152.0, 240.0), (left + 176.0, 196.0), 1.5, [150.0, 176.0, 188.0]);
    canvas.bar((left + 40.0, 250.0), (left + 40.0, 222.0), 5.0, BLACK);
    for slit in 0..5_u8 {
        let y = 262.0 + f32::from(slit) * 8.0;
        canvas.bar((left + 14.0, y), (left + 84.0, y), 1.5, shade);
    }
}

/// A lens lets less light into the corners.
fn darken_corners(canvas: &mut Canvas) {
    canvas.recolour(|x, y, colour| {
        let (across, down) = ((x - 320.0) / 400.0, (y - 240.0) / 300.0);
        colour.map(|part| part * (1.0 - 0.22 * (across * across + down * down)))
    });
}

/// The grain of a sensor: one square of two pixels in ten, a little lighter or darker.
fn add_grain(canvas: &mut Canvas, chance: &mut ChaCha8Rng) {
    let columns = WIDTH.div_ceil(2);
    let mut grain_of = || match chance.random_range(0..20_u8) {
        0 => -1.0,
        1 => 1.0,
        _ => 0.0,
    };
    let grain: Vec<f32> = (0..columns * HEIGHT.div_ceil(2)).map(|_| grain_of()).collect();
    let mut squares = grain.chunks_exact(columns as usize).flat_map(|row| [row, row]);
    canvas.recolour_rows(|row| {
        let Some(squares) = squares.next() else { return };
        for (colour, by) in row.iter_mut().zip(squares.iter().flat_map(|by| [by, by])) {
            *colour = colour.map(|part| part + by);
        }
    });
}

/// A dark strip with the caption in it.
fn draw_caption(canvas: &mut Canvas, caption: &str) {
    canvas.polygon(&[(0.0, 440.0), (640.0, 440.0), (640.0, 480.0), (0.0, 480.0)], BLACK);
    let fitting = |scale| lettering::fitting(WIDTH - 24, scale);
    let shown: String = caption.to_uppercase().chars().take(fitting(2)).collect();
    let scale = if shown.chars().count() <= fitting(3) { 3 } else { 2 };
    lettering::draw(canvas, &shown, (320.0, 460.0), scale, WHITE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_has_the_size_of_a_small_photo_and_can_be_read() {
        for subject in [Subject::Gauge, Subject::Machine] {
            let bytes = photo(5, subject, "EX-12 / 4711  leak at boom cylinder");
            let image = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();

            assert_eq!((image.info().width, image.info().height), (WIDTH, HEIGHT));
            assert!((40_000..120_000).contains(&bytes.len()), "{subject:?}: {}", bytes.len());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_photo_and_another_seed_another() {
        let taken = photo(1, Subject::Gauge, "4711");

        assert_eq!(taken, photo(1, Subject::Gauge, "4711"));
        assert_ne!(taken, photo(2, Subject::Gauge, "4711"));
    }

    #[test]
    fn any_caption_can_be_asked_for() {
        for caption in ["", "液压泵漏油", "\u{0}\n", &"x".repeat(10_000)] {
            draw_caption(&mut Canvas::new(WIDTH, HEIGHT), caption);
        }
    }

    #[test]
    fn a_full_turn_of_ticks_comes_back() {
        let (x, y) = direction(60);

        assert!((x + 0.866_025_4).abs() < 1e-4 && (y - 0.5).abs() < 1e-4);
    }
}
