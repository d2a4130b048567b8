#!/usr/bin/env python3
"""The sample Maildir, and the oracle for the messages that POP3 must deliver from it.

mail.py make DIR [WITHOUT..]   write the sample Maildir, without the samples of these names
mail.py count MAILDIR          print how many messages it holds
mail.py compare MAILDIR OUT    check that OUT/1.eml .. OUT/N.eml are the messages of MAILDIR, each exactly once
mail.py listing OUT LISTING    check that LISTING (`N octets` rows) has the sizes of OUT/N.eml
"""

import collections
import pathlib
import re
import sys


def wire(stored):
    """Returns the message that RETR delivers: LF becomes CRLF, and the last line ends."""
    sent = re.sub(rb"(?<!\r)\n", b"\r\n", stored)
    return sent if sent.endswith(b"\r\n") else sent + b"\r\n"


def top(sent, count, blank_line_added):
    """Returns the lines that TOP delivers: the header, the blank line, and `count` lines of the body.

    If a message has no blank line, some servers add one, so clients see where the header ends.
    """
    lines = sent.split(b"\r\n")[:-1]
    if b"" not in lines and blank_line_added:
        lines.append(b"")
    header = lines.index(b"") + 1 if b"" in lines else len(lines)
    return b"".join(line + b"\r\n" for line in lines[: header + count])


HEAD = b"From: a@example.org\nTo: b@example.org\nSubject: %s\n"

# name: (stored bytes, folder, flags)
SAMPLES = {
    "lf": (HEAD % b"LF" + b"\nOne\nTwo\n\nThree\n", "cur", ":2,S"),
    "crlf": ((HEAD % b"CRLF" + b"\nOne\nTwo\n\nThree\n").replace(b"\n", b"\r\n"), "new", ""),
    "mixed": (HEAD % b"mixed" + b"\nends in LF\nends in CRLF\r\nends in LF\n\r\n\n", "cur", ":2,"),
    "first-line-dot": (b".X-Odd: the first octet is a dot\nSubject: a\n\n.body\n", "new", ""),
    "first-body-line-dot": (HEAD % b"dot" + b"\n.the first line\nthe second\n", "new", ""),
    "one-dot-line": (HEAD % b"one dot" + b"\nbefore\n.\nafter\n", "new", ""),
    "crlf-dot-line": ((HEAD % b"dot" + b"\n.\n..\n.x\nx.\n").replace(b"\n", b"\r\n"), "cur", ":2,RS"),
    "dots": (HEAD % b"dots" + b"\n" + b"".join(b"." * n + b"\n" for n in range(1, 40)), "new", ""),
    "ends-in-dot-line": (HEAD % b"ends" + b"\ntext\n.\n", "cur", ":2,S"),
    "ends-in-dot": (HEAD % b"ends" + b"\ntext\n.", "new", ""),
    "looks-like-pop3": (HEAD % b"fake" + b"\n+OK\n.\n-ERR no\n.\n+OK 2 3\nQUIT\n", "new", ""),
    "no-octet": (b"", "new", ""),
    "header-only": (HEAD % b"header and blank line" + b"\n", "new", ""),
    "header-no-blank": (HEAD % b"header, no blank line", "cur", ":2,"),
    "one-newline": (b"\n", "new", ""),
    "one-octet": (b"x", "new", ""),
    "one-dot": (b".", "new", ""),
    "final-cr": (HEAD % b"final CR" + b"\nlast line ends in CR\r", "new", ""),
    "no-final-newline": (HEAD % b"cut" + b"\nlast line without an end", "cur", ":2,S"),
    "long-lines": (HEAD % b"long" + b"\n" + b"x" * 20000 + b"\n" + b"." * 20000 + b"\n" + b"y" * 20000, "new", ""),
    "eight-bit": (HEAD % "Grüße".encode() + b"\n" + bytes(range(128, 256)) + b"\n\xff\xfe\n", "new", ""),
    "controls": (HEAD % b"controls" + b"\n" + bytes(o for o in range(32) if o not in b"\r\n") + b"\x7f\n\0\n.\0\n", "new", ""),
    "bare-cr": (HEAD % b"bare CR" + b"\nin\rside\n\r.\n\r\r\nx\r\r\n.\rx\n", "cur", ":2,S"),
    "big": (
        HEAD % b"every line length, a dot at every offset of a buffer" + b"\n"
        + b"".join(b"." * (n % 3) + b"%07d" % n + b"z" * (n % 97) + b"\n" for n in range(6000)),
        "new",
        "",
    ),
}  # fmt: skip


def make(directory, *without):
    expect(SAMPLES.keys() >= set(without), f"unknown samples among {without}")
    for folder in ("new", "cur", "tmp"):
        (directory / folder).mkdir(parents=True)
    samples = [sample for name, sample in SAMPLES.items() if name not in without]
    for number, (stored, folder, flags) in enumerate(samples):
        (directory / folder / f"{1700000000 + number}.M{number}P1.example{flags}").write_bytes(stored)
    # A delivery in progress is not a message.
    (directory / "tmp" / "1700000099.M99P1.example").write_bytes(b"not delivered yet\n")
    return f"wrote {len(samples)} messages to {directory.name}"


def files(maildir):
    """Returns the message files, by base name (which stays when flags or folder change)."""
    found = [path for folder in ("new", "cur") for path in (maildir / folder).iterdir()]
    return {path.name.partition(":")[0]: path for path in found}


def wires(maildir):
    return {base: wire(path.read_bytes()) for base, path in files(maildir).items()}


def fetched(out):
    """Returns OUT's messages, 1 to N without a gap."""
    names = sorted((path.name for path in out.iterdir()), key=lambda name: (len(name), name))
    expect(names == [f"{n}.eml" for n in range(1, len(names) + 1)], f"unexpected files in {out}: {names}")
    return [(out / name).read_bytes() for name in names]


def compare(maildir, out):
    expected, actual = wires(maildir), fetched(out)
    missing = collections.Counter(expected.values()) - collections.Counter(actual)
    surplus = collections.Counter(actual) - collections.Counter(expected.values())
    for base, sent in expected.items():
        if sent in missing:
            print(f"  not delivered: {base}, {len(sent)} bytes: {sent[-60:]!r}")
    for number, message in enumerate(actual, 1):
        if message in surplus:
            print(f"  no such message: {number}.eml, {len(message)} bytes: {message[-60:]!r}")
    expect(not missing and not surplus, f"{missing.total()} messages not delivered, {surplus.total()} unknown")
    return f"{len(actual)} messages are the same, {sum(map(len, actual))} bytes"


def listing(out, rows):
    expected = [b"%d %d\r\n" % (n, len(message)) for n, message in enumerate(fetched(out), 1)]
    actual = rows.read_bytes()
    expect(actual == b"".join(expected), f"the listing differs:\n{actual!r}\n{b''.join(expected)!r}")
    return f"{len(expected)} rows of the listing have the right sizes"


def expect(holds, complaint):
    if not holds:
        sys.exit(f"mail.py: {complaint}")


def count(maildir):
    return len(files(maildir))


def main(action, path, *arguments):
    if action != "make":
        arguments = map(pathlib.Path, arguments)
    print({"make": make, "count": count, "compare": compare, "listing": listing}[action](pathlib.Path(path), *arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
