//! Many sessions at once, and two on one maildrop.

use crate::kit::{LOGIN, Server, Site, door, rest, say};
use pop3_proto_serve::users::{self, Users};
use pop3_proto_serve::{Guests, Host};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const CROWD: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_get_each_their_own_mail() {
    let site = Site::with(&[]);
    let (file, mail) = (site.path().join("users"), |user| site.path().join(format!("mail/{user}")));
    // One verifier for all users, because making one takes a while.
    users::add(&file, "user", "sekret", &mail(0)).unwrap();
    let line = fs::read_to_string(&file).unwrap();
    let verifier = line.split('\t').nth(1).unwrap();
    let line = |user: usize| format!("user{user}\t{verifier}\t{}\n", mail(user).display());
    fs::write(&file, (0..CROWD).map(line).collect::<String>()).unwrap();
    for user in 0..CROWD {
        users::make_maildir(&mail(user)).unwrap();
        for number in 0..3 {
            fs::write(mail(user).join(format!("new/{number}.x")), format!("\nmessage {number} for {user}\n"))
                .unwrap();
        }
    }
    let host = Host::new(Users::read(&file).unwrap(), Guests::new(CROWD, CROWD), None);
    let server = Arc::new(Server::start(door(host, site.path())).await);
    let all_here = Arc::new(tokio::sync::Barrier::new(CROWD));
    let clients: Vec<_> = (0..CROWD)
        .map(|user| {
            let (server, all_here) = (Arc::clone(&server), Arc::clone(&all_here));
            tokio::spawn(async move {
                let mut stream = server.connect().await;
                say(&mut stream, &format!("USER user{user}\r\nPASS sekret\r\n"), 3).await;
                all_here.wait().await; // 200 are logged in
                stream.write_all(b"RETR 1\r\nRETR 2\r\nRETR 3\r\nDELE 1\r\nQUIT\r\n").await.unwrap();
                (user, String::from_utf8(rest(&mut stream).await).unwrap())
            })
        })
        .collect();
    for client in clients {
        let (user, answer) = client.await.unwrap();
        for number in 0..3 {
            assert!(answer.contains(&format!("\r\nmessage {number} for {user}\r\n.\r\n")), "{answer}");
        }
        assert_eq!(fs::read_dir(mail(user).join("new")).unwrap().count(), 2, "one is removed");
    }
}

#[tokio::test]
async fn a_maildrop_is_open_once() {
    let site = Site::with(&[b"\none\n"]);
    let (server, other) = (site.serve().await, site.serve().await); // as another process would
    let mut first = server.connect().await;
    say(&mut first, LOGIN, 3).await;
    for server in [&server, &other] {
        let answer = String::from_utf8(server.talk(&format!("{LOGIN}QUIT\r\n")).await).unwrap();
        assert!(answer.contains("-ERR [IN-USE] maildrop in use"), "{answer}");
    }
    // The second login succeeds at once, because the lock is released when the response to QUIT arrives.
    for _ in 0..20 {
        assert!(say(&mut first, "STAT\r\nQUIT\r\n", 2).await.starts_with("+OK 1 7\r\n+OK"));
        first = other.connect().await;
        assert!(say(&mut first, LOGIN, 3).await.ends_with("+OK maildrop open\r\n"));
    }
}

#[tokio::test]
async fn too_many_of_one_address_are_told_to_come_back() {
    let site = Site::with(&[]);
    let users = Users::one("mrose", "tanstaaf", &site.maildir()).unwrap();
    let server = Server::start(door(Host::new(users, Guests::new(9, 2), None), site.path())).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    say(&mut first, "", 1).await;
    say(&mut second, "", 1).await;
    assert_eq!(server.talk("").await, b"-ERR [SYS/TEMP] temporary failure, try again later\r\n");
    drop(first);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if server.talk("QUIT\r\n").await.starts_with(b"+OK") {
            return;
        }
    }
    panic!("a place does not become free");
}
