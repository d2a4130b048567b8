//! The table as bars: how fast each row is beside ours, on a logarithmic scale.

use crate::measure::{Aim, Measured, Who};
use plotters::prelude::*;
use std::path::Path;

type Error = Box<dyn std::error::Error>;

const LINE: i32 = 15;
const LABELS: i32 = 300;
const WIDTH: i32 = 960;
const TOP: i32 = 64;

/// From a hundredth of our speed to a hundred times it; what lies beyond ends there.
const DECADES: (f64, f64) = (-2.0, 2.0);

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const LIMIT: RGBColor = RGBColor(0x9a, 0x9a, 0x9a);
const PEER: RGBColor = RGBColor(0xd9, 0x7b, 0x29);

/// Where so many times our speed lies.
fn x(times: f64) -> i32 {
    let (from, to) = DECADES;
    let part = (times.log10().clamp(from, to) - from) / (to - from);
    LABELS + (part * f64::from(WIDTH - LABELS - 80)) as i32
}

pub(crate) fn write(path: &Path, works: &[Measured]) -> Result<(), Error> {
    let lines: usize = works.iter().map(|work| work.rows.len() + 2).sum();
    let height = TOP + LINE * i32::try_from(lines)?;
    let area = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let font = ("sans-serif", 11).into_font();
    let text = |words: String, at: (i32, i32)| Text::new(words, at, font.clone());

    let title = ("sans-serif", 15).into_font();
    area.draw(&Text::new(
        "Speed beside pop3-proto (the first row of each work is 1; the scale is logarithmic)",
        (10, 8),
        title,
    ))?;
    for (name, colour, left) in
        [("pop3-proto", OURS, 10), ("limit of the machine, or a plain loop", LIMIT, 100), ("peer", PEER, 320)]
    {
        area.draw(&Rectangle::new([(left, 32), (left + 10, 42)], colour.filled()))?;
        area.draw(&text(name.into(), (left + 15, 31)))?;
    }
    area.draw(&PathElement::new([(402, 31), (402, 44)], RED.stroke_width(2)))?;
    area.draw(&text("what the row may reach at most, by the least that is asked".into(), (409, 31)))?;
    for times in [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0] {
        let colour = if times == 1.0 { BLACK } else { RGBColor(0xdd, 0xdd, 0xdd) };
        area.draw(&PathElement::new([(x(times), TOP - 4), (x(times), height)], colour))?;
        area.draw(&text(times.to_string(), (x(times) - 6, TOP - 18)))?;
    }

    let mut top = TOP;
    for work in works {
        area.draw(&Text::new(work.name, (10, top), ("sans-serif", 12).into_font().style(FontStyle::Bold)))?;
        for row in &work.rows {
            top += LINE;
            let times = 1.0 / work.ratio(row);
            let colour = match row.who {
                Who::Ours => OURS,
                Who::Limit => LIMIT,
                Who::Peer => PEER,
            };
            area.draw(&text(row.name.clone(), (20, top)))?;
            area.draw(&Rectangle::new([(x(0.0), top + 1), (x(times), top + LINE - 4)], colour.filled()))?;
            area.draw(&text(format!("{times:.2}"), (WIDTH - 60, top)))?;
            if let Aim::Times(least, _) = row.aim {
                let at = x(1.0 / least);
                area.draw(&PathElement::new([(at, top - 1), (at, top + LINE - 2)], RED.stroke_width(2)))?;
            }
        }
        top += 2 * LINE;
    }
    area.present()?;
    Ok(())
}
