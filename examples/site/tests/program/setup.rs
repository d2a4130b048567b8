//! Tables, checks and users.

use crate::world::{World, run};

#[test]
fn a_second_init_changes_nothing() {
    let world = World::new();
    world.add("mrose");
    assert_eq!(world.run(&["init"]).code, Some(0));
    assert!(world.run(&["status"]).output.contains("accounts\t1\n"));
}

#[test]
fn check_names_what_a_site_cannot_rely_on() {
    let durable = World::without_tables(&["fsync=on"]);
    let fault = |world: &World| world.run(&["check"]).errors;
    assert!(fault(&durable).contains("run `site init`"));
    durable.run(&["init"]);
    let checked = durable.run(&["check"]);
    assert_eq!((checked.code, checked.output.lines().count()), (Some(0), 4), "{}", checked.errors);
    for setting in ["fsync=off", "synchronous_commit=off", "default_transaction_isolation=serializable"] {
        let world = World::without_tables(&["fsync=on", setting]);
        world.run(&["init"]);
        let (name, _) = setting.split_once('=').unwrap();
        assert!(fault(&world).contains(name), "{setting}: {}", fault(&world));
    }
}

#[test]
fn tables_of_another_version_are_refused_by_every_command() {
    let world = World::new();
    world.add("mrose");
    world.sql("UPDATE site SET version = 2");
    for arguments in
        [&["check"][..], &["status"], &["init"], &["node", "--listen", "127.0.0.1:0", "--allow-plain"]]
    {
        let refused = world.run(arguments);
        assert_eq!(refused.code, Some(1), "{arguments:?}");
        assert!(refused.errors.contains("version 2"), "{arguments:?}: {}", refused.errors);
    }
}

#[test]
fn a_password_in_an_argument_is_refused_and_not_shown() {
    let world = World::new();
    let url = world.postgres.url().replace("postgres@", "postgres:sesame@");
    let mut command = world.command(&["--store", &url, "status"]);
    command.env_remove("SITE_STORE");
    let refused = run(command, b"");
    assert_eq!(refused.code, Some(1));
    assert!(refused.errors.contains("PGPASSWORD"), "{}", refused.errors);
    assert!(!refused.errors.contains("sesame"), "{}", refused.errors);
    let mut command = world.command(&["status"]);
    command.env("SITE_STORE", &url); // the same in the environment
    assert_eq!(run(command, b"").code, Some(0));
    let help = run(world.command(&["--help"]), b"").output;
    assert!(!help.contains("postgres@"), "{help}");
}

#[test]
fn a_wrong_option_is_named() {
    let world = World::new();
    for (option, value) in
        [("SITE_STORE", "nonsense"), ("SITE_BODIES", "nonsense"), ("SITE_BODIES", "ftp://a/b")]
    {
        let mut command = world.command(&["status"]);
        command.env(option, value);
        let refused = run(command, b"");
        assert_eq!(refused.code, Some(1), "{option}");
        assert!(refused.errors.contains(if option == "SITE_STORE" { "--store" } else { "--bodies" }));
    }
}

#[test]
fn one_user_has_one_account_however_the_name_is_typed() {
    let world = World::new();
    world.add("m\u{fc}ller");
    let again = world.run(&["user", "add", "mu\u{308}ller", "--password-env", "PASSWORD"]);
    assert_eq!(again.code, Some(1));
    assert!(again.errors.contains("already a user"), "{}", again.errors);
    let node = world.node();
    assert!(node.session("mu\u{308}ller", "").contains("+OK maildrop open"));
}

#[test]
fn names_and_passwords_that_nobody_could_send_are_refused() {
    let world = World::new();
    for name in ["", "a\tb"] {
        assert_eq!(world.run(&["user", "add", name, "--closed"]).code, Some(1), "{name:?}");
    }
    for password in ["", "a\0b", &"x".repeat(20_000)] {
        let refused = world.run_with(&["user", "add", "mrose"], password.as_bytes());
        assert_eq!(refused.code, Some(1), "{password:.10}");
    }
    assert!(world.run(&["status"]).output.contains("accounts\t0\n"));
}

#[test]
fn a_closed_account_takes_mail_and_no_login_until_it_has_a_password() {
    let world = World::new();
    assert_eq!(world.run(&["user", "add", "mrose", "--closed"]).code, Some(0));
    world.deliver("mrose", b"one\n");
    let node = world.node();
    assert!(node.session("mrose", "").contains("-ERR [AUTH]"));
    assert_eq!(world.run_with(&["user", "password", "mrose"], b"tanstaaf\n").code, Some(0));
    assert!(node.session("mrose", "LIST\r\n").contains("\r\n1 5\r\n"));
    assert_eq!(world.run_with(&["user", "password", "nobody"], b"x").code, Some(1));
}

#[test]
fn a_new_password_replaces_the_old_one_on_a_node_that_remembers_it() {
    let world = World::new();
    world.add("mrose");
    let node = world.node();
    assert!(node.session("mrose", "").contains("+OK maildrop open"));
    world.run_with(&["user", "password", "mrose"], b"another");
    assert!(node.session("mrose", "").contains("-ERR [AUTH]"));
}

#[test]
fn nobody_logs_in_as_the_model_of_unknown_names() {
    let world = World::new();
    let node = world.node();
    for commands in [
        "AUTH PLAIN AABhAA==\r\nQUIT\r\n",
        "AUTH PLAIN AAAA\r\nQUIT\r\n",
        "USER \u{ad}\r\nPASS a\r\nQUIT\r\n",
    ] {
        let answer = node.say(commands);
        assert!(!answer.contains("maildrop open"), "{commands:?}: {answer}");
    }
}
