//! Reports of a run against a hostile server: nothing that it sent gets out of its place in any format.

use pop3_conform::check::{Edit, Offence, Twist};
use pop3_conform::checks;
use pop3_conform::engine::log::{Log, Piece, Record, Side};
use pop3_conform::lab::Lab;
use pop3_conform::lab::between::InMemory;
use pop3_conform::report::baseline::Known;
use pop3_conform::report::view::{Kind, faults};
use pop3_conform::report::{self, Report, Style};
use pop3_conform::run::{self, Results, Verdict};
use serde_json::Value;
use std::rc::Rc;

const EVIL: &str = "<script>alert('&\"')</script> \x1b[2J # TODO ]]>";

/// A run against the good server under this twist.
fn run_with(edit: Option<Edit>) -> Results {
    let dial = InMemory::new(edit.map(|edit| Twist { name: "a twist", edit }));
    let mut lab = Lab::new(Box::new(dial), Rc::new(InMemory::facts()));
    run::run("a server <b>", &checks::select(&["stat".into(), "line".into()]), &mut lab, |_| {})
}

fn hostile() -> Report {
    let mut results = run_with(Some(Edit::Answer { to: "STAT", old: "+OK", new: EVIL }));
    // Words of a finding, which may quote the server, and bytes of a dialogue.
    let mut outcome = results.outcomes.remove(0);
    let piece = |side, at, text: &str| Piece { side, at, bytes: text.into() };
    let pieces = vec![piece(Side::Client, 0, "STAT\r\n"), piece(Side::Server, 0, &format!("{EVIL}\r\n"))];
    results.log.sessions.push(Record { pieces, ..Record::default() });
    let session = results.log.sessions.len() - 1;
    let offence = Offence::new(format!("it sent {EVIL}"), session, 1);
    outcome.verdict = Verdict::Fail(vec![offence]);
    results.outcomes.push(outcome);
    Report::new(&results)
}

fn written(name: &str, report: &Report) -> String {
    let mut out = Vec::new();
    report::find(name).unwrap()(report, Style::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn no_format_repeats_a_control_character_of_the_server() {
    let report = hostile();
    assert!(report.count(Kind::Fail) > 0);
    for (name, _) in report::FORMATS {
        let text = written(name, &report);
        assert!(text.contains("x1b[2J") || text.contains("u{1b}[2J"), "{name}: {text}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{name}");
    }
}

/// The tags of XML or HTML must be balanced. Returns all text that is not in a tag.
fn balanced(text: &str, void: &[&str]) -> String {
    let (mut open, mut words, mut rest) = (Vec::new(), String::new(), text);
    while let Some((before, after)) = rest.split_once('<') {
        words.push_str(before);
        let (tag, after) = after.split_once('>').unwrap();
        assert!(!tag.contains('<'), "{tag}");
        rest = after;
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "at {tag:?}"),
            None if tag.ends_with('/') || tag.starts_with(['!', '?']) || void.contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    words + rest
}

#[test]
fn html_shows_a_script_of_the_server_as_text_and_has_no_script_or_resource() {
    let html = written("html", &hostile());
    let words = balanced(&html, &["meta", "input"]);
    assert!(words.contains("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;"), "{words}");
    for forbidden in ["<script", "<b>", "src=", "@import", "url(", "<link", "onclick"] {
        let found = html.replace("a server &lt;b&gt;", "").replace("<b>", "");
        assert!(!found.contains(forbidden), "{forbidden}");
    }
    assert!(html.contains("default-src 'none'"));
    // The mark is one byte, and the caret is under it.
    assert!(html.contains("<b>S: </b>&lt;<mark>s</mark>cript&gt;"), "{html}");
    let caret = "      0  S: <".len();
    assert!(html.contains(&format!("<span class=\"caret\">{:caret$}^</span>", "")), "{html}");
}

#[test]
fn html_has_a_permalink_for_each_check() {
    let html = written("html", &Report::new(&run_with(None)));
    for check in checks::select(&["stat".into(), "line".into()]) {
        assert!(html.contains(&format!("id=\"{}\"", check.id)), "{}", check.id);
        assert!(html.contains(&format!("href=\"#{}\"", check.id)), "{}", check.id);
        for legal in check.legal {
            assert!(html.contains(&report::escape(legal.by)), "{}", legal.by);
        }
    }
}

#[test]
fn junit_is_well_formed_and_counts_its_cases() {
    let report = hostile();
    let xml = written("junit", &report);
    balanced(&xml, &[]);
    assert!(xml.contains("&lt;script&gt;") && !xml.contains("<script"), "{xml}");
    let count = |part: &str| xml.matches(part).count();
    let number = |name: &str| -> usize {
        let (_, rest) = xml.split_once(&format!(" {name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    };
    assert_eq!(number("tests"), count("<testcase "));
    assert_eq!(number("failures"), count("<failure "));
    assert_eq!(number("skipped"), count("<skipped "));
    assert!(number("failures") > 0);
}

#[test]
fn tap_numbers_its_tests_and_a_server_cannot_add_a_directive() {
    let mut report = hostile();
    report.entries[0].kind = Kind::Unsupported;
    report.entries[0].faults.clear();
    let tap = written("tap", &report);
    let tests: Vec<&str> =
        tap.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).collect();
    assert!(tap.starts_with(&format!("TAP version 14\n1..{}\n", tests.len())), "{tap}");
    for (index, test) in tests.iter().enumerate() {
        assert!(test.contains(&format!("ok {} - ", index + 1)), "{test}");
    }
    let evil = tests.last().unwrap();
    assert!(evil.starts_with("not ok ") && evil.contains("\\# TODO"), "{evil}");
    assert!(!evil.replace("\\#", "").contains('#'), "{evil}");
    assert!(tests.iter().any(|test| test.contains(" # SKIP ")), "{tap}");

    let check = report.entries.last().unwrap().id.to_owned();
    report.entries.retain(|entry| entry.kind == Kind::Fail);
    report.apply(&[Known { check, reason: "bug 7".into() }], true);
    assert!(written("tap", &report).contains(" # TODO known: bug 7\n"));
}

/// What a schema asks for, as far as `schema.json` uses the language. Returns the first fault.
fn validate(schema: &Value, root: &Value, value: &Value, path: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = root.pointer(name.trim_start_matches('#')).ok_or(format!("{path}: no {name}"))?;
        return validate(schema, root, value, path);
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    };
    let typed = match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => schema["const"] == *value || schema["enum"].as_array().is_some_and(|all| all.contains(value)),
    };
    if !typed {
        return Err(format!("{path}: {value}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        validate(&schema["items"], root, item, &format!("{path}[{index}]"))?;
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        value.get(name).ok_or(format!("{path}: no {name}"))?;
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        let schema = schema["properties"].get(name).ok_or(format!("{path}: {name} is not in the schema"))?;
        validate(schema, root, field, &format!("{path}.{name}"))?;
    }
    Ok(())
}

#[test]
fn json_is_as_the_schema_documents_it() {
    let schema: Value = serde_json::from_str(include_str!("../../schema.json")).unwrap();
    let mut report = hostile();
    report.apply(&[Known { check: "no.such".into(), reason: "gone".into() }], true);
    let mut json: Value = serde_json::from_str(&written("json", &report)).unwrap();
    validate(&schema, &schema, &json, "$").unwrap();
    assert_eq!(json["failed"], true);
    assert_eq!(json["stale"][0]["check"], "no.such");

    json["checks"][0].as_object_mut().unwrap().remove("said");
    assert_eq!(validate(&schema, &schema, &json, "$").unwrap_err(), "$.checks[0]: no said");
    json["checks"][0]["said"] = 1.into();
    assert_eq!(validate(&schema, &schema, &json, "$").unwrap_err(), "$.checks[0].said: 1");
    json["checks"][0]["said"] = "".into();
    json["more"] = 1.into();
    assert_eq!(validate(&schema, &schema, &json, "$").unwrap_err(), "$: more is not in the schema");
}

#[test]
fn json_has_each_line_byte_for_byte() {
    let piece = |side, at, bytes: &[u8]| Piece { side, at, bytes: bytes.into() };
    let pieces = vec![
        piece(Side::Server, 0, b"+OK ready\r\n"),
        piece(Side::Client, 0, b"RETR 1\r\n"),
        piece(Side::Server, 11, b"+OK\r\n\xff\0\n.\r\n"),
    ];
    let log = Log { sessions: vec![Record { pieces, ..Record::default() }] };
    let fault = &faults(&[Offence::new("bytes", 0, 16)], &log)[0];
    let bytes: Vec<&[u8]> = fault.lines.iter().map(|line| line.bytes.as_slice()).collect();
    assert_eq!(bytes, [&b"+OK ready\r\n"[..], b"RETR 1\r\n", b"+OK\r\n", b"\xff\0\n"]);
    let mut report = hostile();
    report.entries.last_mut().unwrap().faults = vec![fault.clone()];
    let json: Value = serde_json::from_str(&written("json", &report)).unwrap();
    let last = json["checks"].as_array().unwrap().last().unwrap();
    assert_eq!(last["offences"][0]["dialogue"][3]["bytes"], "/wAK");
}

#[test]
fn a_baseline_makes_a_fault_known_and_a_green_check_stale() {
    let mut report = hostile();
    let red: Vec<&str> =
        report.entries.iter().filter(|entry| entry.kind == Kind::Fail).map(|entry| entry.id).collect();
    let green = report.entries.iter().find(|entry| entry.kind == Kind::Ok).unwrap().id;
    let line = |check: &str| Known { check: check.to_owned(), reason: "why".to_owned() };
    let mut baseline: Vec<Known> = red.iter().map(|check| line(check)).collect();
    assert!(report.failed());

    let mut known = report.clone();
    known.apply(&baseline, true);
    assert!(!known.failed() && known.count(Kind::Fail) == 0, "{red:?}");
    let text = written("text", &known);
    assert!(text.contains("      known: why\n"), "{text}");

    baseline.extend([line(green), line("no.such.check")]);
    let mut part = report.clone();
    part.apply(&baseline, false);
    assert_eq!(part.stale[0], line(green));
    assert!(!part.stale.contains(&line("no.such.check")));
    report.apply(&baseline, true);
    assert_eq!(report.stale, [line(green), line("no.such.check")]);
    assert!(!report.failed());
    report.entries.retain(|entry| entry.kind == Kind::Ok);
    report.strict = true;
    assert!(report.failed());
    for format in ["text", "tap", "junit", "json", "html"] {
        assert!(written(format, &report).contains("no.such.check"), "{format}");
    }
}
