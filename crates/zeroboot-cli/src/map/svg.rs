//! A picture as SVG.

use std::fmt::Write;

use super::picture::{Colour, INK, PAPER, Picture, Shape};

pub(super) fn svg(picture: &Picture) -> String {
    let Picture { width, height, shapes } = picture;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        hex(PAPER)
    );
    for shape in shapes {
        // Writing to a string cannot fail.
        let _ = match shape {
            Shape::Box { x, y, width, height, colour } => writeln!(
                text,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
                hex(*colour)
            ),
            Shape::Text { x, y, text: words } => {
                writeln!(text, "<text x=\"{x}\" y=\"{y}\" fill=\"{}\">{}</text>", hex(INK), escaped(words))
            }
        };
    }
    text.push_str("</svg>\n");
    text
}

fn hex(Colour([red, green, blue]): Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A library may be called anything.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_become_elements() {
        let shapes = vec![
            Shape::Box { x: 1, y: 2, width: 3, height: 4, colour: Colour([255, 0, 16]) },
            Shape::Text { x: 5, y: 6, text: "<a&b>".to_owned() },
        ];
        let text = svg(&Picture { width: 10, height: 20, shapes });
        assert!(text.contains("<rect x=\"1\" y=\"2\" width=\"3\" height=\"4\" fill=\"#ff0010\"/>"), "{text}");
        assert!(text.contains(">&lt;a&amp;b&gt;</text>"), "{text}");
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    }
}
