//! The drawing: its places are fixed, and the machines and tables provide every word.

use super::moves::{Move, behind_a_refusal, moves};
use pop3_proto::{State, Verb};
use std::fmt::Write;

/// Returns an SVG without an empty line, because Markdown then treats it as one block. On a page it has the colour of
/// the text around it; as a file it has a colour that suits the theme.
pub(super) fn picture() -> String {
    let mut svg = String::from(HEAD);
    let (early, late) = (moves(State::Authorization), moves(State::Transaction));
    let verbs = |moves: &[Move], wanted: fn(&Move) -> bool| -> Vec<Verb> {
        moves.iter().filter(|one| wanted(one)).map(|one| one.verb).collect()
    };
    let login = words(&verbs(&early, |one| one.accepted == State::Transaction));
    let mut stays = words(&verbs(&early, |one| one.accepted == State::Authorization && !one.tls));
    stays.retain(|word| !login.contains(word)); // AUTH alone lists the mechanisms
    state(&mut svg, (170, 66, 210, 130), "AUTHORIZATION", &stays);
    let stays = words(&verbs(&late, |one| one.accepted == State::Transaction));
    state(&mut svg, (520, 66, 210, 130), "TRANSACTION", &stays);
    state(&mut svg, (520, 290, 210, 62), "UPDATE", &[]);
    note(&mut svg, (625, 336), "marked messages are removed");
    pill(&mut svg, (20, 112, 100, 38), "connected");
    pill(&mut svg, (225, 302, 100, 38), "closed");

    arrow(&mut svg, "M120 131H162", "");
    label(&mut svg, (141, 122), "middle", &["+OK".into()]);
    let refused = [vec!["-ERR".to_owned()], words(&behind_a_refusal())].concat();
    arrow(&mut svg, "M70 150V309Q70 321 82 321H217", "");
    label(&mut svg, (82, 236), "start", &refused);
    let tls = words(&verbs(&early, |one| one.tls));
    arrow(&mut svg, "M240 66V44Q240 32 252 32H298Q310 32 310 44V58", "");
    label(&mut svg, (275, 24), "middle", &tls);
    arrow(&mut svg, "M380 131H512", "");
    label(&mut svg, (446, 122), "middle", &[login.join(" ")]);
    let quit = words(&verbs(&early, |one| one.accepted == State::Closed));
    arrow(&mut svg, "M275 196V294", "");
    label(&mut svg, (265, 250), "end", &quit);
    let quit = words(&verbs(&late, |one| one.sent == State::Update && one.accepted == State::Closed));
    arrow(&mut svg, "M625 196V282", "");
    label(&mut svg, (635, 244), "start", &quit);
    arrow(&mut svg, "M520 321H333", "");
    label(&mut svg, (426, 312), "middle", &["+OK or -ERR".into()]);
    arrow(&mut svg, "M520 180L325 304", " stroke-dasharray=\"5 5\"");
    note(&mut svg, (480, 252), "connection lost:");
    note(&mut svg, (480, 268), "nothing is removed");
    svg + "</svg>\n"
}

const HEAD: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 750 372" width="750" style="max-width: 100%; height: auto" font-family="system-ui, sans-serif" font-size="14" fill="currentColor" role="img" aria-label="The states of a POP3 session, the commands of each state, and the commands that lead to the next state">
<style>svg:root { color: #24292f; background: #fff } @media (prefers-color-scheme: dark) { svg:root { color: #e6edf3; background: #0d1117 } }</style>
<defs><marker id="pop3-tip" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="currentColor"/></marker></defs>
"#;

type Frame = (i32, i32, i32, i32);
type Point = (i32, i32);

/// Returns the keywords, each once; unknown words have none.
fn words(verbs: &[Verb]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in verbs.iter().map(|verb| verb.keyword()).filter(|word| !word.is_empty()) {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

/// Draws a state and the commands that do not leave it, up to three a line.
fn state(svg: &mut String, (x, y, width, height): Frame, name: &str, commands: &[String]) {
    let middle = x + width / 2;
    writeln!(svg, r##"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="#4a8fe7" fill-opacity=".14" stroke="#4a8fe7" stroke-width="1.5"/>"##).unwrap();
    writeln!(svg, r#"<text x="{middle}" y="{}" text-anchor="middle" font-weight="600" letter-spacing=".5">{name}</text>"#, y + 26).unwrap();
    let lines = commands.len().div_ceil(3);
    let top = y + 42 + (height - 26 - 22 * lines as i32) / 2;
    for (line, row) in (0..).zip(commands.chunks(commands.len().div_ceil(lines.max(1)).max(1))) {
        for (column, word) in (0..).zip(row) {
            let (x, y) = (middle + (2 * column + 1 - row.len() as i32) * 32, top + 22 * line);
            writeln!(svg, r#"<text x="{x}" y="{y}" text-anchor="middle" font-family="ui-monospace, monospace" font-size="13">{word}</text>"#).unwrap();
        }
    }
}

fn pill(svg: &mut String, (x, y, width, height): Frame, name: &str) {
    let (middle, radius) = (x + width / 2, height / 2);
    writeln!(svg, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" fill="none" stroke="currentColor" stroke-opacity=".5" stroke-width="1.5"/>"#).unwrap();
    writeln!(svg, r#"<text x="{middle}" y="{}" text-anchor="middle">{name}</text>"#, y + radius + 5).unwrap();
}

fn arrow(svg: &mut String, path: &str, style: &str) {
    writeln!(svg, r#"<path d="{path}" fill="none" stroke="currentColor" stroke-opacity=".7" stroke-width="1.5"{style} marker-end="url(#pop3-tip)"/>"#).unwrap();
}

/// Draws words of the wire, one a line.
fn label(svg: &mut String, (x, y): Point, anchor: &str, words: &[String]) {
    for (line, word) in (0..).zip(words) {
        writeln!(svg, r#"<text x="{x}" y="{}" text-anchor="{anchor}" font-family="ui-monospace, monospace" font-size="13">{word}</text>"#, y + 18 * line).unwrap();
    }
}

fn note(svg: &mut String, (x, y): Point, text: &str) {
    writeln!(
        svg,
        r#"<text x="{x}" y="{y}" text-anchor="middle" font-size="12" fill-opacity=".75">{text}</text>"#
    )
    .unwrap();
}
