//! The figures as two pictures, which can be read in a light and in a dark page.

use crate::measure::{Group, Row, Takes, Who};
use crate::table::{beside_limit, beside_peer, figure, groups_of, main_level, manners};
use crate::works::WORKS;
use std::fmt::Write;

const STYLE: &str = "\
.back { fill: #ffffff } text { fill: #1f2328; font: 12px sans-serif } .small { fill: #59636e; font-size: 10px }
.bold { font-weight: bold } .ours { fill: #0969da } .peer { fill: #bc4c00 } .limit { fill: #8c959f } .mark { fill: #ffffff; font-size: 9px }
.line { stroke: #d1d9e0 } .one { stroke: #0969da }
@media (prefers-color-scheme: dark) {
.back { fill: #0d1117 } text { fill: #f0f6fc } .small { fill: #9198a1 } .ours { fill: #4493f8 } .peer { fill: #db6d28 } .limit { fill: #656c76 }
.mark { fill: #ffffff } .line { stroke: #3d444d } .one { stroke: #4493f8 } }";

const WIDTH: usize = 860;

/// A picture that is being drawn.
struct Svg(String);

impl Svg {
    fn text(&mut self, x: f64, y: usize, class: &str, words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        writeln!(self.0, "<text x=\"{x:.0}\" y=\"{y}\" class=\"{class}\">{words}</text>")
            .expect("a String takes all");
    }

    fn rect(&mut self, [x, y, width, height]: [f64; 4], class: &str) {
        writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" class=\"{class}\"/>"
        )
        .expect("a String takes all");
    }

    fn line(&mut self, x: f64, from: usize, to: usize, class: &str) {
        writeln!(self.0, "<path d=\"M{x:.1} {from}V{to}\" class=\"{class}\"/>").expect("a String takes all");
    }

    fn done(self, height: usize, title: &str, description: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             role=\"img\" aria-labelledby=\"title desc\">\n<title id=\"title\">{title}</title>\n\
             <desc id=\"desc\">{description}</desc>\n<style>\n{STYLE}\n</style>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" class=\"back\"/>\n{}</svg>\n",
            self.0
        )
    }
}

/// Where the bars begin, and how long the longest is.
const LABELS: f64 = 270.0;
const BAR: f64 = 340.0;

/// The worst sample of each main kind of work: ours, the fastest peer and the limit as bars.
pub(crate) fn short(groups: &[Group]) -> String {
    let title = "pop3-proto, the fastest peer and the limit: the worst sample of each kind of work";
    let (mut svg, mut y, mut description) = (Svg(String::new()), 74, String::from("Longer bars are faster."));
    svg.text(12.0, 22, "bold", title);
    svg.text(12.0, 40, "small", "A longer bar is faster. The fastest of a kind is as long as the column.");
    for (x, class, name) in [
        (LABELS, "ours", "pop3-proto"),
        (LABELS + 90.0, "peer", "fastest peer"),
        (LABELS + 190.0, "limit", "limit: a search or a copy that does less"),
    ] {
        svg.rect([x, 50.0, 10.0, 10.0], class);
        svg.text(x + 15.0, 59, "small", name);
    }
    for work in WORKS.iter().filter(|work| work.is_main) {
        let groups = groups_of(groups, main_level(groups), work.name);
        let takes = manners(work)[0];
        let Some(worst) = beside_peer(&groups, takes).or_else(|| beside_limit(&groups, takes)) else {
            continue;
        };
        let limit = worst
            .group
            .rows
            .iter()
            .find(|(row, _)| row.who == Who::Limit && row.takes.compares(worst.ours.0.takes));
        let peer = (worst.other.0.who == Who::Peer).then_some(("peer", worst.other.0.name, worst.other.1));
        let limit = limit.map(|(row, times)| ("limit", row.name, times[worst.condition]));
        let bars: Vec<_> =
            [Some(("ours", "pop3-proto", worst.ours.1)), peer, limit].into_iter().flatten().collect();
        let fastest = bars.iter().map(|(.., nanos)| *nanos).fold(f64::INFINITY, f64::min);

        svg.text(12.0, y + 10, "bold", work.name);
        svg.text(12.0, y + 24, "small", &worst.group.sample);
        write!(description, " {}, {}:", work.name, worst.group.sample).expect("a String takes all");
        for (class, name, nanos) in bars {
            let length = BAR * fastest / nanos;
            let shown = figure(work.unit, nanos);
            svg.rect([LABELS, y as f64, length.max(1.0), 11.0], class);
            svg.text(LABELS + length + 6.0, y + 10, "small", &format!("{name} {shown}"));
            write!(description, " {name} {shown};").expect("a String takes all");
            y += 13;
        }
        y += 14;
    }
    svg.done(y, title, &description)
}

const LINE: usize = 14;
const PLOT: [f64; 2] = [290.0, 840.0];
/// The slowest and the fastest that is drawn, in times of ours; what is beyond is drawn at the edge.
const TIMES: [f64; 2] = [1.0 / 64.0, 64.0];

/// The position of a multiple of our speed.
fn x(times: f64) -> f64 {
    let part = (times.clamp(TIMES[0], TIMES[1]) / TIMES[0]).ln() / (TIMES[1] / TIMES[0]).ln();
    PLOT[0] + part * (PLOT[1] - PLOT[0])
}

/// The peers and limits, each with its letter.
fn letters() -> Vec<&'static Row> {
    let mut rows: Vec<&Row> = Vec::new();
    for row in WORKS.iter().flat_map(|work| work.rows) {
        if matches!(row.who, Who::Limit | Who::Peer) && rows.iter().all(|known| known.name != row.name) {
            rows.push(row);
        }
    }
    rows.sort_by_key(|row| row.who == Who::Limit);
    rows
}

fn letter(letters: &[&Row], row: &Row) -> String {
    let index = letters.iter().position(|known| known.name == row.name).unwrap_or_default();
    char::from(b'A' + index as u8).to_string()
}

fn mark(svg: &mut Svg, at: f64, y: usize, letters: &[&Row], row: &Row) {
    let (class, corner) = if row.who == Who::Peer { ("peer", 6) } else { ("limit", 1) };
    let top = y as f64 - 6.0;
    writeln!(
        svg.0,
        "<rect x=\"{:.1}\" y=\"{top}\" width=\"12\" height=\"12\" rx=\"{corner}\" class=\"{class}\"/>",
        at - 6.0
    )
    .expect("a String takes all");
    writeln!(
        svg.0,
        "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" class=\"mark\">{}</text>",
        y + 3,
        letter(letters, row)
    )
    .expect("a String takes all");
}

/// Every sample: the peers and the limits, in times of our speed.
pub(crate) fn long(groups: &[Group]) -> String {
    let title = "Every sample: how fast peers and limits are, in times of the speed of pop3-proto";
    let (mut svg, letters) = (Svg(String::new()), letters());
    svg.text(12.0, 22, "bold", title);
    svg.text(12.0, 40, "small", "To the left of the line, ours is faster. The bar reaches from our slowest row to our fastest. Warm; the scale is logarithmic.");
    let mut y = 58;
    for (index, row) in letters.iter().enumerate() {
        let column = 12.0 + (index % 4) as f64 * 210.0;
        mark(&mut svg, column + 6.0, y, &letters, row);
        svg.text(column + 18.0, y + 4, "small", row.name);
        if index % 4 == 3 {
            y += 16;
        }
    }
    let top = y + 40;
    y = top + 10;
    let mut rows = Svg(String::new());
    for work in &WORKS {
        let groups = groups_of(groups, main_level(groups), work.name);
        if groups.is_empty() {
            continue;
        }
        rows.text(12.0, y + 4, "bold", work.name);
        y += LINE;
        for group in groups {
            sample(&mut rows, y, &letters, group);
            y += LINE;
        }
        y += LINE / 2;
    }
    for times in [1.0 / 64.0, 1.0 / 16.0, 0.25, 1.0, 4.0, 16.0, 64.0] {
        svg.line(x(times), top, y, if times == 1.0 { "one" } else { "line" });
        let words = if times < 1.0 { format!("1/{}", 1.0 / times) } else { times.to_string() };
        svg.text(x(times) - 6.0, top - 6, "small", &words);
    }
    svg.0 += &rows.0;
    let description = "A line for each sample. Circles are peers, squares are limits, and their place is their speed divided by ours; \
                       versus.md has the figures.";
    svg.done(y, title, description)
}

/// The marks of one sample.
fn sample(svg: &mut Svg, y: usize, letters: &[&Row], group: &Group) {
    svg.text(24.0, y + 4, "small", &group.sample);
    let ours = |takes: Takes| {
        group.rows.iter().filter(move |(row, _)| row.who == Who::Ours && row.takes.compares(takes))
    };
    let slowest = |takes| ours(takes).map(|(_, times)| times[0]).fold(0.0, f64::max);
    let first = manners(group.work)[0];
    let fastest = ours(first).map(|(_, times)| times[0]).fold(f64::INFINITY, f64::min);
    svg.rect([x(1.0), y as f64 - 2.5, x(slowest(first) / fastest) - x(1.0) + 1.0, 5.0], "ours");
    for (row, times) in group.rows.iter().filter(|(row, _)| matches!(row.who, Who::Limit | Who::Peer)) {
        let times_ours = slowest(row.takes) / times[0];
        if times_ours > 0.0 {
            mark(svg, x(times_ours), y, letters, row);
        }
    }
}
