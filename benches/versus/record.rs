//! The figures of several programs in one file: a line for each row of a sample. If a program ran more than once, the fastest time of each row
//! counts.

use crate::measure::{Group, Times};
use crate::works::WORKS;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

pub(crate) fn append(path: &Path, groups: &[Group]) {
    let mut text = String::new();
    for group in groups {
        for (row, times) in &group.rows {
            let times = times.map(|time| time.to_string()).join("\t");
            writeln!(text, "{}\t{}\t{}\t{}\t{times}", group.level, group.work.name, group.sample, row.name)
                .expect("a String takes all");
        }
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the file opens");
    file.write_all(text.as_bytes()).expect("the file is written");
}

pub(crate) fn read(path: &Path) -> Vec<Group> {
    let text = std::fs::read_to_string(path).expect("the file is read");
    let mut groups: Vec<Group> = Vec::new();
    for line in text.lines() {
        let [level, work, sample, row, times @ ..] = &*line.split('\t').collect::<Vec<_>>() else {
            panic!("a line of figures: {line}");
        };
        let work = WORKS.iter().find(|known| known.name == *work).expect("a work");
        let row = work.rows.iter().find(|known| known.name == *row).expect("a row of the work");
        let times: Vec<f64> = times.iter().map(|time| time.parse().expect("a time")).collect();
        let times: Times = times.try_into().expect("a time under each condition");
        let same =
            |group: &Group| group.level == *level && group.work.name == work.name && group.sample == *sample;
        let index = groups.iter().position(same).unwrap_or_else(|| {
            groups.push(Group { level: (*level).into(), work, sample: (*sample).into(), rows: Vec::new() });
            groups.len() - 1
        });
        let rows = &mut groups[index].rows;
        match rows.iter_mut().find(|(known, _)| known.name == row.name) {
            Some((_, fastest)) => {
                fastest.iter_mut().zip(times).for_each(|(fastest, time)| *fastest = fastest.min(time));
            }
            None => rows.push((row, times)),
        }
    }
    groups
}
