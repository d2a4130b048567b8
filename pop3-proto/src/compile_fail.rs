//! Programs that must not compile (laws 2 and 7). A counterpart of each compiles and differs only in that one thing,
//! so a case cannot fail for another reason. This module is built only for the tests of the documentation, and the
//! nightly tool checks the error codes.
//!
//! # The right answer
//!
//! ```
//! use pop3_proto::{SendBuf, Text, server::{Ask, Server, MessageInfo}, UniqueId};
//! type Mail<'m> = &'m mut [MessageInfo<UniqueId<'static>>];
//! fn answer(server: &mut Server<Mail<'_>>, ask: Ask<'_>, sink: &mut SendBuf<Vec<u8>>) {
//!     if let Ask::Greet(greet) = ask {
//!         server.greet(greet, Text::EMPTY, sink).unwrap();
//!     }
//! }
//! ```
//!
//! An answer of the wrong kind:
//!
//! ```compile_fail,E0308
//! use pop3_proto::{SendBuf, Text, server::{Ask, Server, MessageInfo}, UniqueId};
//! type Mail<'m> = &'m mut [MessageInfo<UniqueId<'static>>];
//! fn answer(server: &mut Server<Mail<'_>>, ask: Ask<'_>, sink: &mut SendBuf<Vec<u8>>) {
//!     if let Ask::Commit(greet) = ask {
//!         server.greet(greet, Text::EMPTY, sink).unwrap();
//!     }
//! }
//! ```
//!
//! A second answer:
//!
//! ```compile_fail,E0382
//! use pop3_proto::{SendBuf, Text, server::{Ask, Server, MessageInfo}, UniqueId};
//! type Mail<'m> = &'m mut [MessageInfo<UniqueId<'static>>];
//! fn answer(server: &mut Server<Mail<'_>>, ask: Ask<'_>, sink: &mut SendBuf<Vec<u8>>) {
//!     if let Ask::Greet(greet) = ask {
//!         server.greet(greet, Text::EMPTY, sink).unwrap();
//!         server.greet(greet, Text::EMPTY, sink).unwrap();
//!     }
//! }
//! ```
//!
//! # A returned token may be used again
//!
//! ```
//! use pop3_proto::server::{Server, User};
//! fn answer(one: &mut Server<Vec<MessageInfo>>, two: &mut Server<Vec<MessageInfo>>, user: User) {
//!     if let Err(unanswered) = one.accept_name(user) {
//!         two.accept_name(unanswered.token).unwrap();
//!     }
//! }
//! # type MessageInfo = pop3_proto::server::MessageInfo<pop3_proto::OwnedUniqueId>;
//! ```
//!
//! A used token may not:
//!
//! ```compile_fail,E0382
//! use pop3_proto::server::{Server, User};
//! fn answer(one: &mut Server<Vec<MessageInfo>>, two: &mut Server<Vec<MessageInfo>>, user: User) {
//!     if let Err(unanswered) = one.accept_name(user) {
//!         two.accept_name(user).unwrap();
//!     }
//! }
//! # type MessageInfo = pop3_proto::server::MessageInfo<pop3_proto::OwnedUniqueId>;
//! ```
//!
//! # A copy
//!
//! ```
//! fn min_recv_buf(user: pop3_proto::server::User) -> [pop3_proto::server::User; 1] {
//!     [user]
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn min_recv_buf(user: pop3_proto::server::User) -> [pop3_proto::server::User; 1] {
//!     [user.clone()]
//! }
//! ```
//!
//! # A forged token
//!
//! A program can read what a token shows:
//!
//! ```
//! fn look(fetch: &pop3_proto::server::Fetch) -> u64 {
//!     fetch.connection()
//! }
//! ```
//!
//! It cannot write it, nor create a token:
//!
//! ```compile_fail,E0616
//! fn look(fetch: &pop3_proto::server::Fetch) -> u64 {
//!     fetch.mark.connection
//! }
//! ```
//!
//! ```compile_fail,E0451
//! fn forge() -> pop3_proto::server::Greet {
//!     pop3_proto::server::Greet { mark: loop {} }
//! }
//! ```
//!
//! ```compile_fail,E0451
//! fn forge() -> pop3_proto::client::SaslDone {
//!     pop3_proto::client::SaslDone { mark: loop {} }
//! }
//! ```
//!
//! A program cannot add a kind of question that can be refused either:
//!
//! ```compile_fail,E0277
//! struct Mine;
//! impl pop3_proto::server::Refusable for Mine {}
//! ```
//!
//! # A question that cannot be refused
//!
//! ```
//! use pop3_proto::server::{Fetch, Refusal, Server, MessageInfo};
//! fn refuse(server: &mut Server<Vec<MessageInfo<pop3_proto::OwnedUniqueId>>>, fetch: Fetch) {
//!     server.refuse(fetch, Refusal::Temporary).unwrap();
//! }
//! ```
//!
//! A QUIT: `removed` or `not_removed` answers it.
//!
//! ```compile_fail,E0277
//! use pop3_proto::server::{Commit, Refusal, Server, MessageInfo};
//! fn refuse(server: &mut Server<Vec<MessageInfo<pop3_proto::OwnedUniqueId>>>, fetch: Commit) {
//!     server.refuse(fetch, Refusal::Temporary).unwrap();
//! }
//! ```
//!
//! # A login without a maildrop
//!
//! ```
//! use pop3_proto::server::{UserPolicy, Login, Server, MessageInfo};
//! fn accept(server: &mut Server<Vec<MessageInfo<pop3_proto::OwnedUniqueId>>>, login: Login) {
//!     server.accept(login, Vec::new()).unwrap();
//! }
//! ```
//!
//! ```compile_fail,E0061
//! use pop3_proto::server::{UserPolicy, Login, Server, MessageInfo};
//! fn accept(server: &mut Server<Vec<MessageInfo<pop3_proto::OwnedUniqueId>>>, login: Login) {
//!     server.accept(login).unwrap();
//! }
//! ```
//!
//! # A client's token, twice
//!
//! ```
//! use pop3_proto::{Base64, Client, SendBuf, client::SaslStep};
//! fn respond(client: &mut Client, step: SaslStep, sink: &mut SendBuf<Vec<u8>>) {
//!     client.respond(step, Base64::EMPTY, sink).unwrap();
//! }
//! ```
//!
//! ```compile_fail,E0382
//! use pop3_proto::{Base64, Client, SendBuf, client::SaslStep};
//! fn respond(client: &mut Client, step: SaslStep, sink: &mut SendBuf<Vec<u8>>) {
//!     client.respond(step, Base64::EMPTY, sink).unwrap();
//!     client.cancel(step, sink).unwrap();
//! }
//! ```
//!
//! # An event outlives the client, not the buffer
//!
//! ```
//! use pop3_proto::{Client, Input, TlsPolicy};
//! let buffer = b"+OK\r\n".to_vec();
//! let event = {
//!     let mut client = Client::new(TlsPolicy::Cleartext, 1);
//!     client.poll(&mut Input::more(&buffer)).unwrap()
//! };
//! assert!(event.is_some());
//! ```
//!
//! ```compile_fail,E0597
//! use pop3_proto::{Client, Input, TlsPolicy};
//! let mut client = Client::new(TlsPolicy::Cleartext, 1);
//! let event = {
//!     let buffer = b"+OK\r\n".to_vec();
//!     client.poll(&mut Input::more(&buffer)).unwrap()
//! };
//! assert!(event.is_some());
//! ```
//!
//! # A secret is not printed by accident
//!
//! ```
//! fn show(secret: pop3_proto::Secret<'_>) -> String {
//!     format!("{secret:?}")
//! }
//! ```
//!
//! ```compile_fail,E0277
//! fn show(secret: pop3_proto::Secret<'_>) -> String {
//!     format!("{secret}")
//! }
//! ```
//!
//! # A sink is bounded
//!
//! ```
//! use pop3_proto::{Command, SendBuf};
//! Command::Noop.encode(&mut SendBuf::new(vec![])).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! use pop3_proto::{Command, SendBuf};
//! Command::Noop.encode(&mut Vec::new()).unwrap();
//! ```
