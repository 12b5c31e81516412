//! Colours as numbers: parsing, contrast as WCAG counts it, and mapping to fewer colours.

use ratatui::style::Color;

use super::{Background, ColorDepth};

/// `#rrggbb`, a name of the 16 (`red`, `light_red` …), `reset`, or `0` to `255`.
pub(super) fn parse(text: &str) -> Option<Color> {
    if let Some(hex) = text.strip_prefix('#') {
        if hex.len() != 6 || !hex.is_ascii() {
            return None;
        }
        let value = u32::from_str_radix(hex, 16).ok()?;
        let [_, red, green, blue] = value.to_be_bytes();
        return Some(Color::Rgb(red, green, blue));
    }
    text.replace('_', "").parse().ok()
}

/// Relative luminance, 0 (black) to 1 (white); nothing for colours the terminal decides.
pub fn luminance(color: Color) -> Option<f64> {
    let (red, green, blue) = rgb(color)?;
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.03928 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    Some(0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue))
}

/// The contrast of two colours, 1 to 21.
pub fn contrast(one: Color, other: Color) -> Option<f64> {
    let (one, other) = (luminance(one)?, luminance(other)?);
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

fn rgb(color: Color) -> Option<(u8, u8, u8)> {
    match color {
        Color::Rgb(red, green, blue) => Some((red, green, blue)),
        Color::Indexed(index) if index >= 16 => Some(indexed(index)),
        _ => None,
    }
}

/// Steps of one channel in the colour cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn indexed(index: u8) -> (u8, u8, u8) {
    if index >= 232 {
        let grey = 8 + (index - 232) * 10;
        return (grey, grey, grey);
    }
    let index = usize::from(index.saturating_sub(16));
    let step = |at: usize| CUBE.get(at % 6).copied().unwrap_or(0);
    (step(index / 36), step(index / 6), step(index))
}

/// A text colour for a terminal with fewer colours.
pub(super) fn reduce(color: Color, depth: ColorDepth, background: Background) -> Color {
    match (depth, color) {
        (ColorDepth::None, _) => Color::Reset,
        (ColorDepth::TwoFiftySix, Color::Rgb(red, green, blue)) => Color::Indexed(nearest_indexed(red, green, blue)),
        (ColorDepth::Sixteen, Color::Rgb(..) | Color::Indexed(_)) => {
            rgb(color).map_or(color, |(red, green, blue)| nearest_named(red, green, blue, background))
        }
        _ => color,
    }
}

/// A ground for a terminal with fewer colours: with 16 there is no fitting tint, so none is used.
pub(super) fn reduce_ground(color: Color, depth: ColorDepth) -> Color {
    match (depth, color) {
        (ColorDepth::None, _) | (ColorDepth::Sixteen, Color::Rgb(..) | Color::Indexed(_)) => Color::Reset,
        (ColorDepth::TwoFiftySix, Color::Rgb(red, green, blue)) => Color::Indexed(nearest_indexed(red, green, blue)),
        _ => color,
    }
}

fn distance(one: (u8, u8, u8), other: (u8, u8, u8)) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    2 * square(one.0, other.0) + 4 * square(one.1, other.1) + 3 * square(one.2, other.2)
}

fn nearest_indexed(red: u8, green: u8, blue: u8) -> u8 {
    (16..=255).min_by_key(|index| distance(indexed(*index), (red, green, blue))).unwrap_or(255)
}

/// By hue rather than by distance: the 16 are whatever the terminal's own palette says.
fn nearest_named(red: u8, green: u8, blue: u8, background: Background) -> Color {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let spread = most - least;
    if spread < 40 {
        return match (background, most) {
            (Background::Light, 0..=80) | (Background::Dark | Background::Unknown, 200..=255) => Color::Reset,
            (Background::Light, _) => Color::DarkGray,
            _ => Color::Gray,
        };
    }
    let strong = |channel: u8| channel - least > spread / 2;
    let light = background != Background::Light;
    match (strong(red), strong(green), strong(blue)) {
        (true, true, _) => {
            if light {
                Color::LightYellow
            } else {
                Color::Yellow
            }
        }
        (true, _, true) => {
            if light {
                Color::LightMagenta
            } else {
                Color::Magenta
            }
        }
        (_, true, true) => {
            if light {
                Color::LightCyan
            } else {
                Color::Cyan
            }
        }
        (true, _, _) => {
            if light {
                Color::LightRed
            } else {
                Color::Red
            }
        }
        (_, true, _) => {
            if light {
                Color::LightGreen
            } else {
                Color::Green
            }
        }
        _ => {
            if light {
                Color::LightBlue
            } else {
                Color::Blue
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_counted_as_published() {
        let black_on_white = contrast(Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255)).unwrap();
        assert!((black_on_white - 21.0).abs() < 0.01);
        let grey = contrast(Color::Rgb(0x77, 0x77, 0x77), Color::Rgb(255, 255, 255)).unwrap();
        assert!((grey - 4.48).abs() < 0.01);
    }

    #[test]
    fn the_cube_maps_to_itself() {
        for index in 16..=255u8 {
            let (red, green, blue) = indexed(index);
            assert_eq!(indexed(nearest_indexed(red, green, blue)), (red, green, blue));
        }
    }

    #[test]
    fn broken_colours_are_refused() {
        for text in ["#12", "#gggggg", "#12345é", "no such", ""] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("light_red"), Some(Color::LightRed));
    }
}
