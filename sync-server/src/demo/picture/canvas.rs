//! A picture as colours in rows, and the few shapes that are drawn on it with soft edges.

/// Red, green and blue, 0 to 255, with fractions while drawing.
pub(super) type Colour = [f32; 3];

/// A place on the canvas, pixels from the upper left.
pub(super) type Place = (f32, f32);

/// A picture being drawn.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A black picture.
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![[0.0; 3]; width as usize * height as usize] }
    }

    /// Colours everything.
    pub(super) fn fill(&mut self, colour: impl Fn(f32, f32) -> Colour) {
        self.recolour(|x, y, _| colour(x, y));
    }

    /// Changes every colour, knowing where it is.
    pub(super) fn recolour(&mut self, change: impl Fn(f32, f32, Colour) -> Colour) {
        let mut y = 0.0;
        self.recolour_rows(|row| {
            let mut x = 0.0;
            for colour in row {
                *colour = change(x, y, *colour);
                x += 1.0;
            }
            y += 1.0;
        });
    }

    /// Changes every colour, row by row from the top.
    pub(super) fn recolour_rows(&mut self, change: impl FnMut(&mut [Colour])) {
        self.pixels.chunks_exact_mut(self.width as usize).for_each(change);
    }

    /// A filled circle.
    pub(super) fn disc(&mut self, centre: Place, radius: f32, colour: Colour) {
        let (low, high) = around(&[centre], radius);
        self.shape(low, high, colour, |place| distance(place, centre) - radius);
    }

    /// A line with round ends, `thick` to either side.
    pub(super) fn bar(&mut self, from: Place, to: Place, thick: f32, colour: Colour) {
        let (low, high) = around(&[from, to], thick);
        let along = (to.0 - from.0, to.1 - from.1);
        let length_squared = (along.0 * along.0 + along.1 * along.1).max(f32::MIN_POSITIVE);
        self.shape(low, high, colour, |place| {
            let toward = (place.0 - from.0) * along.0 + (place.1 - from.1) * along.1;
            let share = (toward / length_squared).clamp(0.0, 1.0);
            distance(place, (from.0 + along.0 * share, from.1 + along.1 * share)) - thick
        });
    }

    /// A filled convex polygon, its corners clockwise as seen.
    pub(super) fn polygon(&mut self, corners: &[Place], colour: Colour) {
        let (low, high) = around(corners, 0.0);
        self.shape(low, high, colour, |place| {
            let edges = corners.iter().zip(corners.iter().cycle().skip(1));
            edges.map(|(from, to)| outside_edge(place, *from, *to)).fold(f32::MIN, f32::max)
        });
    }

    /// A filled square with sharp edges.
    pub(super) fn square(&mut self, at: (i64, i64), side: u8, colour: Colour) {
        for y in at.1..at.1 + i64::from(side) {
            for x in at.0..at.0 + i64::from(side) {
                if let Some(pixel) = self.pixel(x, y) {
                    *pixel = colour;
                }
            }
        }
    }

    /// The picture as a PNG file.
    pub(super) fn png(&self) -> Vec<u8> {
        let bytes: Vec<u8> = self.pixels.iter().flatten().map(|part| part.round().clamp(0.0, 255.0) as u8).collect();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Balanced);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&bytes));
        written.expect("the size of the data fits the header, and memory takes any length");
        file
    }

    /// Lays a colour over every pixel inside a shape. `outside` is the distance to its edge, negative inside.
    fn shape(&mut self, low: Place, high: Place, colour: Colour, outside: impl Fn(Place) -> f32) {
        for y in low.1.floor() as i64..=high.1.ceil() as i64 {
            for x in low.0.floor() as i64..=high.0.ceil() as i64 {
                let share = (0.5 - outside((x as f32, y as f32))).clamp(0.0, 1.0);
                if let Some(pixel) = self.pixel(x, y).filter(|_| share > 0.0) {
                    *pixel = mixed(*pixel, colour, share);
                }
            }
        }
    }

    fn pixel(&mut self, x: i64, y: i64) -> Option<&mut Colour> {
        let (x, y) = (u32::try_from(x).ok()?, u32::try_from(y).ok()?);
        if x >= self.width || y >= self.height {
            return None;
        }
        self.pixels.get_mut(y as usize * self.width as usize + x as usize)
    }
}

/// The second colour in a share of the first, 0 to 1.
pub(super) fn mixed(first: Colour, second: Colour, share: f32) -> Colour {
    let share = share.clamp(0.0, 1.0);
    std::array::from_fn(|part| first[part] + (second[part] - first[part]) * share)
}

fn distance(from: Place, to: Place) -> f32 {
    let (x, y) = (from.0 - to.0, from.1 - to.1);
    (x * x + y * y).sqrt()
}

fn outside_edge(place: Place, from: Place, to: Place) -> f32 {
    let along = (to.0 - from.0, to.1 - from.1);
    let length = distance(from, to).max(f32::MIN_POSITIVE);
    ((place.0 - from.0) * along.1 - (place.1 - from.1) * along.0) / length
}

fn around(places: &[Place], margin: f32) -> (Place, Place) {
    let margin = margin + 1.0;
    places.iter().fold(((f32::MAX, f32::MAX), (f32::MIN, f32::MIN)), |(low, high), (x, y)| {
        ((low.0.min(x - margin), low.1.min(y - margin)), (high.0.max(x + margin), high.1.max(y + margin)))
    })
}
