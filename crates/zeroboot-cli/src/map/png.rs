//! A picture as PNG.

use std::convert::Infallible;

use embedded_graphics::Drawable;
use embedded_graphics::Pixel;
use embedded_graphics::draw_target::DrawTarget;
use embedded_graphics::geometry::{OriginDimensions, Point, Size};
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_6X12;
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::text::Text;
use png::EncodingError;

use super::picture::{Colour, INK, PAPER, Picture, Shape};

pub(super) fn png(picture: &Picture) -> Result<Vec<u8>, EncodingError> {
    let mut canvas = Canvas::new(picture.width, picture.height);
    for shape in &picture.shapes {
        match shape {
            Shape::Box { x, y, width, height, colour } => {
                for row in *y..y + height {
                    (*x..x + width).for_each(|column| canvas.set(column, row, *colour));
                }
            }
            Shape::Text { x, y, text } => {
                let Colour([red, green, blue]) = INK;
                let style = MonoTextStyle::new(&FONT_6X12, Rgb888::new(red, green, blue));
                let place = Point::new(signed(*x), signed(*y));
                let Ok(_) = Text::new(text, place, style).draw(&mut canvas);
            }
        }
    }
    canvas.encode()
}

/// Rows of pixels, three bytes each.
struct Canvas {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

impl Canvas {
    fn new(width: u32, height: u32) -> Self {
        let bytes = PAPER.0.repeat(width as usize * height as usize);
        Self { width, height, bytes }
    }

    /// What lies outside is not drawn.
    fn set(&mut self, x: u32, y: u32, colour: Colour) {
        if x < self.width && y < self.height {
            let at = (y as usize * self.width as usize + x as usize) * 3;
            self.bytes[at..at + 3].copy_from_slice(&colour.0);
        }
    }

    fn encode(&self) -> Result<Vec<u8>, EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.bytes)?;
        writer.finish()?;
        Ok(file)
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(Point { x, y }, colour) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) {
                self.set(x, y, Colour([colour.r(), colour.g(), colour.b()]));
            }
        }
        Ok(())
    }
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_and_text_are_drawn() {
        let red = Colour([255, 0, 0]);
        let shapes = vec![
            Shape::Box { x: 1, y: 1, width: 2, height: 2, colour: red },
            Shape::Text { x: 4, y: 18, text: "zero".to_owned() },
        ];
        let file = png(&Picture { width: 40, height: 20, shapes }).expect("a file");
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a header");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut bytes).expect("pixels");
        let count = |colour: Colour| bytes.chunks(3).filter(|pixel| **pixel == colour.0).count();
        assert_eq!(count(red), 4);
        assert!(count(INK) > 20, "{}", count(INK));
        assert_eq!(count(red) + count(INK) + count(PAPER), 800);
    }
}
