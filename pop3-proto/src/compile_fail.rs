//! What must not compile (laws 2 and 7), each beside a twin that does and differs in that one thing, so that a case cannot fail for a reason of
//! its own. Built for the tests of the documentation alone; the nightly tool checks the error codes.
//!
//! # The right answer
//!
//! ```
//! use pop3_proto::{Outbox, Text, server::{Ask, Server, Slot}, UniqueId};
//! type Mail<'m> = &'m mut [Slot<UniqueId<'static>>];
//! fn answer(server: &mut Server<Mail<'_>>, ask: Ask<'_>, sink: &mut Outbox) {
//!     if let Ask::Greet(greet) = ask {
//!         server.greet(greet, Text::EMPTY, sink).unwrap();
//!     }
//! }
//! ```
//!
//! An answer of the wrong kind:
//!
//! ```compile_fail,E0308
//! use pop3_proto::{Outbox, Text, server::{Ask, Server, Slot}, UniqueId};
//! type Mail<'m> = &'m mut [Slot<UniqueId<'static>>];
//! fn answer(server: &mut Server<Mail<'_>>, ask: Ask<'_>, sink: &mut Outbox) {
//!     if let Ask::Commit(greet) = ask {
//!         server.greet(greet, Text::EMPTY, sink).unwrap();
//!     }
//! }
//! ```
//!
//! A second answer:
//!
//! ```compile_fail,E0382
//! use pop3_proto::{Outbox, Text, server::{Ask, Server, Slot}, UniqueId};
//! type Mail<'m> = &'m mut [Slot<UniqueId<'static>>];
//! fn answer(server: &mut Server<Mail<'_>>, ask: Ask<'_>, sink: &mut Outbox) {
//!     if let Ask::Greet(greet) = ask {
//!         server.greet(greet, Text::EMPTY, sink).unwrap();
//!         server.greet(greet, Text::EMPTY, sink).unwrap();
//!     }
//! }
//! ```
//!
//! # A token that comes back may be given again
//!
//! ```
//! use pop3_proto::server::{Server, User};
//! fn answer(one: &mut Server<Vec<Slot>>, two: &mut Server<Vec<Slot>>, user: User) {
//!     if let Err(unanswered) = one.accept_name(user) {
//!         two.accept_name(unanswered.token).unwrap();
//!     }
//! }
//! # type Slot = pop3_proto::server::Slot<pop3_proto::OwnedUniqueId>;
//! ```
//!
//! The one that was given may not:
//!
//! ```compile_fail,E0382
//! use pop3_proto::server::{Server, User};
//! fn answer(one: &mut Server<Vec<Slot>>, two: &mut Server<Vec<Slot>>, user: User) {
//!     if let Err(unanswered) = one.accept_name(user) {
//!         two.accept_name(user).unwrap();
//!     }
//! }
//! # type Slot = pop3_proto::server::Slot<pop3_proto::OwnedUniqueId>;
//! ```
//!
//! # A copy
//!
//! ```
//! fn hold(user: pop3_proto::server::User) -> [pop3_proto::server::User; 1] {
//!     [user]
//! }
//! ```
//!
//! ```compile_fail,E0599
//! fn hold(user: pop3_proto::server::User) -> [pop3_proto::server::User; 1] {
//!     [user.clone()]
//! }
//! ```
//!
//! # A forged token
//!
//! What a token shows can be read:
//!
//! ```
//! fn look(fetch: &pop3_proto::server::Fetch) -> u64 {
//!     fetch.connection()
//! }
//! ```
//!
//! It cannot be written, nor a token made of it:
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
//!     pop3_proto::client::SaslDone { turn: 1 }
//! }
//! ```
//!
//! Nor can anybody add a kind of question that can be refused:
//!
//! ```compile_fail,E0277
//! struct Mine;
//! impl pop3_proto::server::Refusable for Mine {}
//! ```
//!
//! # What cannot be refused
//!
//! ```
//! use pop3_proto::server::{Fetch, Refusal, Server, Slot};
//! fn refuse(server: &mut Server<Vec<Slot<pop3_proto::OwnedUniqueId>>>, fetch: Fetch) {
//!     server.refuse(fetch, Refusal::Temporary).unwrap();
//! }
//! ```
//!
//! A QUIT: what became of the messages is said with `committed`.
//!
//! ```compile_fail,E0277
//! use pop3_proto::server::{Commit, Refusal, Server, Slot};
//! fn refuse(server: &mut Server<Vec<Slot<pop3_proto::OwnedUniqueId>>>, fetch: Commit) {
//!     server.refuse(fetch, Refusal::Temporary).unwrap();
//! }
//! ```
//!
//! # A login without a maildrop
//!
//! ```
//! use pop3_proto::server::{Announce, Login, Server, Slot};
//! fn accept(server: &mut Server<Vec<Slot<pop3_proto::OwnedUniqueId>>>, login: Login) {
//!     server.accept(login, Vec::new()).unwrap();
//! }
//! ```
//!
//! ```compile_fail,E0061
//! use pop3_proto::server::{Announce, Login, Server, Slot};
//! fn accept(server: &mut Server<Vec<Slot<pop3_proto::OwnedUniqueId>>>, login: Login) {
//!     server.accept(login).unwrap();
//! }
//! ```
//!
//! # A client's token, twice
//!
//! ```
//! use pop3_proto::{Base64, Client, Outbox, client::SaslStep};
//! fn respond(client: &mut Client, step: SaslStep, sink: &mut Outbox) {
//!     client.sasl(step, Base64::EMPTY, sink).unwrap();
//! }
//! ```
//!
//! ```compile_fail,E0382
//! use pop3_proto::{Base64, Client, Outbox, client::SaslStep};
//! fn respond(client: &mut Client, step: SaslStep, sink: &mut Outbox) {
//!     client.sasl(step, Base64::EMPTY, sink).unwrap();
//!     client.sasl_cancel(step, sink).unwrap();
//! }
//! ```
//!
//! # An event outlives the client, not the buffer
//!
//! ```
//! use pop3_proto::{Client, Input, TlsPolicy};
//! let buffer = b"+OK\r\n".to_vec();
//! let event = {
//!     let mut client = Client::new(TlsPolicy::Cleartext);
//!     client.poll(&mut Input::more(&buffer)).unwrap()
//! };
//! assert!(event.is_some());
//! ```
//!
//! ```compile_fail,E0597
//! use pop3_proto::{Client, Input, TlsPolicy};
//! let mut client = Client::new(TlsPolicy::Cleartext);
//! let event = {
//!     let buffer = b"+OK\r\n".to_vec();
//!     client.poll(&mut Input::more(&buffer)).unwrap()
//! };
//! assert!(event.is_some());
//! ```
//!
//! # A secret says nothing by itself
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
//! use pop3_proto::{Command, Outbox};
//! Command::Noop.encode(&mut Outbox::new()).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! use pop3_proto::{Command, Outbox};
//! Command::Noop.encode(&mut Vec::new()).unwrap();
//! ```
