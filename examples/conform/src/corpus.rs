//! Twelve messages that show what a server does to a message. A header line identifies each, because a server chooses order and numbers.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// The header line that identifies a message.
pub const ID: &str = "X-Conform-Id";

/// A message, as it must arrive: each line ends in CR LF, apart from the last one of `last-dot`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub id: String,
    pub text: Vec<u8>,
}

/// Returns the messages.
#[must_use]
pub fn messages() -> Vec<Message> {
    let long = "long ".repeat(400) + "end\r\n";
    let many = "A line of a long message.\r\n".repeat(700);
    let bodies: [(&str, &str, &[u8]); 12] = [
        ("plain", "", b"A short message.\r\n"),
        ("dots", "", b".\r\n..\r\n.one\r\n..two\r\na.\r\n. \r\n.\r\n"),
        ("empty-body", "", b""),
        ("blank-lines", "", b"\r\n\r\nAfter two blank lines, before three.\r\n\r\n\r\n\r\n"),
        ("eight-bit", "", b"caf\xe9 \xff\xfe \x80\r\n"),
        (
            "utf8",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Gr\u{fc}\u{df}e, \u{65e5}\u{672c}\r\n".as_bytes(),
        ),
        ("long-line", "", long.as_bytes()),
        ("status-words", "", b"+OK this is not a response\r\n-ERR nor is this\r\n"),
        ("spaces", "", b" leading, trailing  \r\n\ttab\t\r\n \r\n"),
        ("from-line", "", b"From the start of a line\r\n>From a quoted one\r\n"),
        ("long", "", many.as_bytes()),
        // The last line has no end: a server must add one before the terminator.
        ("last-dot", "", b"The last line is a dot.\r\n."),
    ];
    bodies.map(|(id, header, body)| message(id, header, body)).to_vec()
}

fn message(id: &str, header: &str, body: &[u8]) -> Message {
    let mut text = format!(
        "From: kit@example.org\r\nTo: you@example.org\r\nSubject: {id}\r\n\
         Date: Mon, 01 Jan 2024 00:00:00 +0000\r\nMessage-ID: <{id}@conform.example>\r\n\
         {ID}: {id}\r\n{header}\r\n"
    )
    .into_bytes();
    text.extend_from_slice(body);
    Message { id: id.to_owned(), text }
}

/// Returns the id of a message, from its header.
#[must_use]
pub fn id_of(message: &[u8]) -> Option<String> {
    let header = String::from_utf8_lossy(message);
    let mut lines = header.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| line.strip_prefix(ID)?.strip_prefix(':').map(|id| id.trim().to_owned()))
}

/// Writes the messages as a Maildir, an mbox file and files with CR LF: `maildir`, `mbox` and `crlf` in this directory.
///
/// # Errors
/// Returns the error of the file system. A directory that is there already is not changed.
pub fn write(directory: &Path) -> io::Result<()> {
    for folder in ["maildir/cur", "maildir/new", "maildir/tmp", "crlf"] {
        fs::create_dir_all(directory.join(folder))?;
    }
    let mut mbox = fs::File::create_new(directory.join("mbox"))?;
    for (index, Message { id, text }) in messages().iter().enumerate() {
        let unix = with_lf(text);
        let number = index + 1;
        fs::write(directory.join(format!("crlf/{number:02}-{id}.eml")), text)?;
        fs::write(directory.join(format!("maildir/new/17040672{number:02}.{id}.conform")), &unix)?;
        mbox.write_all(b"From kit@example.org Mon Jan  1 00:00:00 2024\n")?;
        for line in unix.split_inclusive(|byte| *byte == b'\n') {
            let quoted = line.iter().skip_while(|byte| **byte == b'>').copied().take(5).eq(*b"From ");
            mbox.write_all(if quoted { b">" } else { b"" })?;
            mbox.write_all(line)?;
        }
        let end: &[u8] = if unix.ends_with(b"\n") { b"\n" } else { b"\n\n" };
        mbox.write_all(end)?;
    }
    Ok(())
}

fn with_lf(text: &[u8]) -> Vec<u8> {
    let mut unix = text.to_vec();
    let mut at = 0;
    unix.retain(|byte| {
        at += 1;
        !(*byte == b'\r' && text.get(at) == Some(&b'\n'))
    });
    unix
}

/// Reads the messages of a directory of files with CR LF, as `corpus` writes them to `crlf`.
///
/// # Errors
/// Returns the error of the file system, or one for a file without the header line that identifies it.
pub fn read(directory: &Path) -> io::Result<Vec<Message>> {
    if directory.join("crlf").is_dir() {
        return Err(io::Error::other("this is the folder of `corpus`: pass its folder `crlf`"));
    }
    let mut messages = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() {
            let text = fs::read(&path)?;
            let id = id_of(&text).ok_or_else(|| {
                io::Error::other(format!(
                    "{} has no {ID}: pass the folder `crlf` of `corpus`",
                    path.display()
                ))
            })?;
            messages.push(Message { id, text });
        }
    }
    if messages.is_empty() {
        return Err(io::Error::other("no message is there: pass the folder `crlf` of `corpus`"));
    }
    messages.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_has_its_id_and_crlf_line_ends() {
        let messages = messages();
        assert_eq!(messages.len(), 12);
        for Message { id, text } in messages {
            assert_eq!(id_of(&text).as_deref(), Some(id.as_str()));
            assert_eq!(text.ends_with(b"\r\n"), id != "last-dot", "{id}");
            let bare = |pair: &&[u8]| pair[1] == b'\n' && pair[0] != b'\r';
            assert_eq!(text.windows(2).filter(bare).count(), 0, "{id}");
            assert_eq!(with_lf(&text).iter().filter(|byte| **byte == b'\r').count(), 0);
        }
    }

    #[test]
    fn a_manifest_is_the_folder_crlf() {
        let directory = std::env::temp_dir().join(format!("pop3-conform-corpus-{}", std::process::id()));
        write(&directory).unwrap();
        let wrong = |path: &Path| read(path).unwrap_err().to_string();
        let errors = [wrong(&directory), wrong(&directory.join("maildir"))];
        let right = read(&directory.join("crlf")).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert!(errors.iter().all(|error| error.contains("`crlf`")), "{errors:?}");
        assert_eq!(right.len(), 12);
    }
}
