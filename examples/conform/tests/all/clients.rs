//! The proof of the client scenarios, as a test: they are proved, and their matrix is the pinned one.

use pop3_conform::cli::prove::differences;
use pop3_conform::client::{prove, scenarios};
use std::process::{Command, Output};

#[test]
fn each_scenario_is_proved_and_the_matrix_is_pinned() {
    let proof = prove::prove(&scenarios::select(&[]));
    let mut faults = proof.faults;
    faults.extend(differences(include_str!("../../clients.txt"), &proof.matrix));
    assert!(faults.is_empty(), "{}\nIf the matrix is right: pop3-conform prove --accept", faults.join("\n"));
}

fn client(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_pop3-conform")).arg("client").args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_client_that_fails_at_a_good_server_is_not_judged() {
    for (script, shown) in [
        ("printf 'no\\033POP3\\n'; exit 0", "message 1 is not stored"),
        ("echo no POP3; exit 89", "not supported: no POP3"),
        ("kill -SEGV $$", "the client crashed: signal 11"),
    ] {
        let (code, report, errors) = client(&["--", "sh", "-c", script]);
        assert_eq!(code, Some(2), "{script}: {report}");
        assert!(
            report.contains(shown) && report.lines().filter(|line| line.contains(" -- ")).count() == 1,
            "{report}"
        );
        assert!(errors.contains("nothing else was judged"), "{errors}");
        assert!(!script.contains("no") || errors.contains("  no POP3"), "{errors}");
    }
}

#[test]
fn scenarios_are_listed_and_explained() {
    let (code, list, _) = client(&["--list", "--only", "stls"]);
    assert_eq!(code, Some(0));
    assert!(list.contains("stls.injected") && !list.contains("body.dots"), "{list}");
    let (code, text, _) = client(&["--explain", "body.lf_dot_lf"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("1939.3.t (RFC 1939 section 3, MUST)") && text.contains("LfDotEnds"), "{text}");
    assert_eq!(client(&["--explain", "nothing"]).0, Some(2));
}

#[test]
fn each_scenario_is_declared_completely() {
    let mut ids = Vec::new();
    for scenario in scenarios::all() {
        let check = &scenario.check;
        assert!(!ids.contains(&check.id), "{} is there twice", check.id);
        ids.push(check.id);
        assert!(!check.rows.is_empty() && !check.asks.is_empty(), "{}", check.id);
        for row in check.rows {
            assert!(pop3_conform::ledger::row(row).is_some(), "{}: {row}", check.id);
        }
    }
    assert_eq!(ids.first(), Some(&"base"));
    assert!(ids.len() >= 45, "{}", ids.len());
}

/// A client that cannot run twice at the same time: then it stores nothing and fails.
const ALONE: &str = r#"
exec 9>"$6"
flock -n 9 || exit 1
sleep 0.1
exec 3<>"/dev/tcp/$1/$2"
send() { printf '%s\r\n' "$1" >&3; }
receive() { IFS= read -r -u 3 line && line=${line%$'\r'}; }
receive && send "USER $3" && receive && send "PASS $4" && receive || exit 1
for number in 1 2 3; do
  send "RETR $number" && receive || exit 1
  while receive && [[ $line != . ]]; do printf '%s\n' "${line#.}"; done >"$5/.part"
  mv "$5/.part" "$5/$number"
done
send QUIT && receive
"#;

#[test]
fn a_scenario_that_is_red_among_others_runs_again_alone() {
    let lock = std::env::temp_dir().join(format!("pop3-conform-lock-{}", std::process::id()));
    let lock_path = lock.display().to_string();
    let only = "frame.cuts,frame.drip,status.no_text,status.codes,status.512";
    let command =
        ["bash", "-c", ALONE, "bash", "{host}", "{port}", "{user}", "{password}", "{out}", &lock_path];
    let (code, report, _) = client(&[&["--jobs", "6", "--only", only, "--"][..], &command].concat());
    std::fs::remove_file(lock).unwrap();
    assert_eq!(code, Some(0), "{report}");
    let green = report.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(green, 6, "{report}");
}

#[test]
fn a_watcher_names_the_scenario_and_marks_the_command() {
    use pop3_conform::client::{broken::Flaw, naive};
    use pop3_conform::engine::log::Side;

    let scenario = scenarios::find("command.number").unwrap();
    let verdict = prove::under(scenario, &|job| naive::run(Flaw::SignedNumber, job));
    let offence = &verdict.offences()[0];
    assert_eq!(offence.why, "RETR +1: not a message number (in the scenario base)");
    // CAPA, USER, PASS, STAT, LIST and UIDL were sent before.
    let before = "CAPA\r\nUSER mrose\r\nPASS tanstaaf\r\nSTAT\r\nLIST\r\nUIDL\r\n".len() as u64;
    assert_eq!((offence.side, offence.at), (Side::Client, before));
}

#[test]
fn a_file_that_differs_is_shown_where_it_differs() {
    use pop3_conform::client::{broken::Flaw, naive};

    let verdict = prove::under(scenarios::find("body.single_dot").unwrap(), &|job| {
        naive::run(Flaw::KeepsSingleDots, job)
    });
    let why = &verdict.offences()[0].why;
    assert!(why.ends_with("at the mark, it has \".~hidden\\r\\nThe end.\\r\\n\""), "{why}");
}

#[test]
fn a_client_that_stores_after_quit_is_right_if_it_reports_that_quit_failed() {
    use pop3_conform::client::{broken::Flaw, naive};

    for id in ["quit.refused", "quit.unanswered"] {
        let scenario = scenarios::find(id).unwrap();
        let verdict = prove::under(scenario, &|job| naive::run(Flaw::UnlinksOnError, job));
        assert!(verdict.is_green(), "{id}: {verdict:?}");
    }
}

#[test]
fn what_a_client_cannot_know_and_what_is_advice_is_a_warning() {
    use pop3_conform::client::{broken::Flaw, naive};
    use pop3_conform::run::Verdict;

    for (id, flaw) in [("surplus.message", Flaw::TakesSurplus), ("greeting.refused", Flaw::IgnoresGreeting)] {
        let verdict = prove::under(scenarios::find(id).unwrap(), &|job| naive::run(flaw, job));
        assert!(matches!(verdict, Verdict::Warn(_)), "{id}: {verdict:?}");
    }
}
