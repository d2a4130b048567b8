//! The figures as they are printed and as they are recorded.

use crate::measure::{CONDITIONS, Group, Row, Takes, Unit, Who, Work, Worst};
use crate::works::{Bound, GOALS, Goal, WORKS};
use std::fmt::Write;
use std::process::Command;

const NOTES: &str = include_str!("notes.md");
/// The build of most programs, which the pictures and the first tables show.
pub(crate) const MAIN: &str = "default";
const ALL: &[usize] = &[0, 1, 2, 3];

/// Returns the levels in the order in which they were measured.
fn levels(groups: &[Group]) -> Vec<&str> {
    let mut levels: Vec<&str> = groups.iter().map(|group| group.level.as_str()).collect();
    levels.dedup();
    levels
}

/// Returns the groups of a work at a level.
pub(crate) fn groups_of<'g>(groups: &'g [Group], level: &str, work: &str) -> Vec<&'g Group> {
    groups.iter().filter(|group| group.level == level && group.work.name == work).collect()
}

fn worst_of<'g>(
    groups: &[&'g Group],
    ours: impl Fn(&Row) -> bool,
    other: impl Fn(&Row) -> bool,
    conditions: &[usize],
) -> Option<Worst<'g>> {
    let worst = groups.iter().filter_map(|group| group.worst(&ours, &other, conditions));
    worst.min_by(|one, two| one.times().total_cmp(&two.times()))
}

/// Compares our slowest row of this kind with the fastest peer, in the worst of the samples.
pub(crate) fn beside_peer<'g>(groups: &[&'g Group], takes: Takes) -> Option<Worst<'g>> {
    worst_of(groups, |row| row.is_ours(takes), |row| row.who == Who::Peer, ALL)
}

/// Compares our slowest row of this kind with the first limit of this kind.
pub(crate) fn beside_limit<'g>(groups: &[&'g Group], takes: Takes) -> Option<Worst<'g>> {
    let limit = |row: &Row| row.who == Who::Limit && row.takes.compares(takes);
    let limit = groups.first()?.rows.iter().find(|(row, _)| limit(row))?.0.name;
    worst_of(groups, |row| row.is_ours(takes), |row| row.name == limit, ALL)
}

/// Returns how our rows of a work return their result. The first kind is drawn.
pub(crate) fn manners(work: &Work) -> Vec<Takes> {
    let mut takes: Vec<_> =
        work.rows.iter().filter(|row| row.who == Who::Ours).map(|row| row.takes).collect();
    takes.dedup();
    takes
}

fn name_of(work: &Work, takes: Takes) -> String {
    match takes {
        _ if manners(work).len() == 1 => work.name.into(),
        Takes::Copies => format!("{}, copied", work.name),
        _ => format!("{}, lent", work.name),
    }
}

/// Returns a time as it is shown.
pub(crate) fn figure(unit: Unit, nanos: f64) -> String {
    match unit {
        Unit::Octet => three(1.0 / nanos) + " GB/s",
        Unit::Each(_) => three(nanos) + " ns",
    }
}

/// Three digits.
fn three(figure: f64) -> String {
    match figure {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

impl Goal {
    fn worst<'g>(&self, groups: &'g [Group], level: &str) -> Option<Worst<'g>> {
        let groups: Vec<_> = groups_of(groups, level, self.work)
            .into_iter()
            .filter(|group| group.sample.starts_with(self.samples))
            .collect();
        worst_of(&groups, |row| self.is_ours(row), |row| self.is_other(row), self.conditions)
    }

    /// The ratio, and whether the aim, or else the least, is reached.
    fn cell(&self, worst: Option<&Worst<'_>>) -> String {
        let Some(worst) = worst else { return "-".into() };
        let (ratio, least, aim) = match self.bound {
            Bound::Fast(least, aim) => (worst.times(), worst.times() >= least, worst.times() >= aim),
            Bound::Long(most, aim) | Bound::Guard(most, aim, _) => {
                let long = 1.0 / worst.times();
                (long, long <= most, long <= aim)
            }
        };
        let verdict = if aim {
            "aim"
        } else if least {
            "least"
        } else {
            "SHORT"
        };
        format!("{ratio:.2} {verdict}")
    }

    fn asked(&self) -> String {
        match self.bound {
            Bound::Fast(least, aim) => format!("{least} times as fast, {aim}"),
            Bound::Long(most, aim) | Bound::Guard(most, aim, _) => format!("{most} times as long, {aim}"),
        }
    }
}

/// Panics if a kept value costs grossly more than a value that is not kept, because the compiler has then put an
/// event into memory.
pub(crate) fn check_guards(groups: &[Group]) {
    for goal in &GOALS {
        let Bound::Guard(_, _, gross) = goal.bound else { continue };
        for level in levels(groups) {
            let long = goal.worst(groups, level).map(|worst| 1.0 / worst.times());
            assert!(long.is_none_or(|long| long <= gross), "{}: {long:?} times as long", goal.name);
        }
    }
}

/// Prints a run: the goals, and the worst sample of each kind of work.
pub(crate) fn summary(groups: &[Group]) -> String {
    asked_for(groups) + "\n" + &worst_samples(groups)
}

/// All rows of some works.
pub(crate) fn rows(groups: &[Group]) -> String {
    let mut text = String::new();
    for work in &WORKS {
        for level in levels(groups) {
            text.push_str(&all_rows(work, &groups_of(groups, level, work.name)));
        }
    }
    text
}

/// All of it, with the machine that it was measured on.
pub(crate) fn markdown(groups: &[Group]) -> String {
    let mut text = format!("# pop3-proto, compared with limits and peers\n\n{}\n\n", machine());
    text += "![The worst sample of each kind of work](versus-short.svg)\n\n## Goals\n\n";
    text += &asked_for(groups);
    text += "\n## The worst sample of each kind of work\n\n";
    text += &worst_samples(groups);
    text += "\n## What the program was built for\n\n";
    text += &by_level(groups);
    text += "\n";
    text += NOTES;
    text += "\n## All rows\n\n![All samples](versus.svg)\n\nEach cell is warm / cold.\n";
    for level in levels(groups) {
        write!(text, "\n### Built for: {level}\n").expect("a String takes all");
        for work in &WORKS {
            text += &all_rows(work, &groups_of(groups, level, work.name));
        }
    }
    text
}

fn asked_for(groups: &[Group]) -> String {
    let levels = levels(groups);
    let mut text = header(&["work", "at least or at most, aim", "worst sample"], &levels);
    for goal in &GOALS {
        let worst: Vec<_> = levels.iter().map(|level| goal.worst(groups, level)).collect();
        let shown = levels.iter().position(|level| *level == MAIN).and_then(|main| worst[main]);
        let sample =
            shown.or(worst.iter().flatten().next().copied()).map_or(String::new(), |worst| place(&worst));
        write!(text, "| {} | {} | {sample} |", goal.name, goal.asked()).expect("a String takes all");
        worst.iter().for_each(|worst| text += &format!(" {} |", goal.cell(worst.as_ref())));
        text.push('\n');
    }
    text
}

/// The sample and the condition.
fn place(worst: &Worst<'_>) -> String {
    format!("{}; {}", worst.group.sample, CONDITIONS[worst.condition])
}

fn header(first: &[&str], figures: &[&str]) -> String {
    let names = [first, figures].concat().join(" | ");
    format!("| {names} |\n|{}{}\n", "---|".repeat(first.len()), "---:|".repeat(figures.len()))
}

/// Returns the level that is shown where only one is.
pub(crate) fn main_level(groups: &[Group]) -> &str {
    levels(groups)
        .into_iter()
        .find(|level| *level == MAIN)
        .or_else(|| levels(groups).first().copied())
        .unwrap_or(MAIN)
}

fn worst_samples(groups: &[Group]) -> String {
    let mut text = header(&["work", "worst sample", "ours", "beside"], &["ours", "the other", "ours is"]);
    for work in &WORKS {
        let groups = groups_of(groups, main_level(groups), work.name);
        let worst = manners(work).into_iter().flat_map(|takes| {
            [beside_peer(&groups, takes), beside_limit(&groups, takes)].map(|worst| Some((takes, worst?)))
        });
        for (takes, worst) in worst.flatten() {
            let [ours, other] = [worst.ours, worst.other].map(|(_, nanos)| figure(work.unit, nanos));
            let (place, times) = (place(&worst), worst.times());
            let [mine, beside] = [worst.ours.0.name, worst.other.0.name];
            writeln!(
                text,
                "| {} | {place} | {mine} | {beside} | {ours} | {other} | {times:.2} x |",
                name_of(work, takes)
            )
            .expect("a String takes all");
        }
    }
    text
}

/// The worst ratios at each level.
fn by_level(groups: &[Group]) -> String {
    let levels = levels(groups);
    let mut text = header(&["work", "ratio, compared with"], &levels);
    for (work, takes) in
        WORKS.iter().flat_map(|work| manners(work).into_iter().map(move |takes| (work, takes)))
    {
        let at = |level: &&str| groups_of(groups, level, work.name);
        let peers: Vec<_> = levels.iter().map(|level| beside_peer(&at(level), takes)).collect();
        let limits: Vec<_> = levels.iter().map(|level| beside_limit(&at(level), takes)).collect();
        for (name, row) in [("the fastest peer", peers), ("the limit", limits)] {
            if row.iter().all(Option::is_none) {
                continue;
            }
            write!(text, "| {} | {name} |", name_of(work, takes)).expect("a String takes all");
            for worst in row {
                text += &worst.map_or(" - |".into(), |worst| format!(" {:.2} x |", worst.times()));
            }
            text.push('\n');
        }
    }
    text
}

fn all_rows(work: &Work, groups: &[&Group]) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let unit = match work.unit {
        Unit::Octet => "GB/s".into(),
        Unit::Each(item) => format!("ns a {item}"),
    };
    let rows: Vec<_> =
        work.rows.iter().filter(|row| groups.iter().any(|group| group.times(row.name).is_some())).collect();
    let names: Vec<_> = rows.iter().map(|row| row.name).collect();
    let mut text = format!("\n**{}**, {unit}\n\n{}", work.name, header(&["sample"], &names));
    for group in groups {
        write!(text, "| {} |", group.sample).expect("a String takes all");
        for row in &rows {
            let shown = |nanos: f64| three(if work.unit == Unit::Octet { 1.0 / nanos } else { nanos });
            let cell = group.times(row.name).map(|times| {
                format!("{} / {}", shown(times[0].min(times[2])), shown(times[1].min(times[3])))
            });
            text += &format!(" {} |", cell.unwrap_or_else(|| "-".into()));
        }
        text.push('\n');
    }
    text
}

/// The machine, the compiler and the peers.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "Measured on {} by `.ci/bench`: {}, {cores} cores; {}; {}; fat LTO, one codegen unit. Peers: {}.",
        said(&["date", "-u", "+%F"]),
        model.unwrap_or("an unknown CPU").trim(),
        said(&["uname", "-srm"]),
        said(&["rustc", "--version"]),
        ["pop3-codec", "rfc1939", "sawp-pop3", "smtp-proto", "memchr"].map(with_version).join(", "),
    )
}

fn said(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output();
    output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().into())
}

/// The crate's version is in the line after its name.
fn with_version(name: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let after = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, after)| after);
    let version = after.and_then(|after| after.split('"').next()).unwrap_or_default();
    format!("{name} {version}")
}
