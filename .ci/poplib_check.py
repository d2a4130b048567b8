#!/usr/bin/env python3
"""Drives a POP3 server with Python's poplib. Messages are compared with the oracle in mail.py.

poplib_check.py read PORT MAILDIR UIDS          every reading method; writes the unique-ids to the file UIDS, or compares
                                                them if that file exists, because they must survive a restart
poplib_check.py read-short PORT MAILDIR UIDS    the same, if sizes do not count a CRLF that the server adds at the end,
                                                and TOP adds no blank line to a message without one
poplib_check.py delete PORT MAILDIR             deletes a message, first without QUIT and then with it
poplib_check.py exclusive PORT                  three connections, one login at a time

With POP3_TLS=stls or POP3_TLS=implicit it speaks inside TLS, and trusts the CAs in the file POP3_CA.
"""

import json
import os
import pathlib
import poplib
import re
import ssl
import sys
import time

import mail

USER, PASSWORD = "ptuser", "sekret"
TLS, CA = os.environ.get("POP3_TLS"), os.environ.get("POP3_CA")
poplib._MAXLINE = 100_000
checks = 0


def expect(holds, complaint):
    global checks
    checks += 1
    if not holds:
        sys.exit(f"poplib_check.py: {complaint}")


class Strict(poplib.POP3):
    """poplib, but a line must end in CRLF."""

    def _getline(self):
        line = self.file.readline(poplib._MAXLINE + 1)
        if not line:
            raise EOFError("the server closed the connection")
        expect(line.endswith(b"\r\n"), f"a line does not end in CRLF: {line[-40:]!r}")
        return line[:-2], len(line)


class StrictInTls(Strict, poplib.POP3_SSL):
    pass


def connect(port):
    if TLS == "implicit":
        return StrictInTls("localhost", int(port), timeout=20, context=ssl.create_default_context(cafile=CA))
    pop = Strict("127.0.0.1", int(port), timeout=20)
    if TLS == "stls":
        pop.host = "localhost"
        pop.stls(ssl.create_default_context(cafile=CA))
    return pop


def login(port):
    pop = connect(port)
    pop.user(USER)
    pop.pass_(PASSWORD)
    return pop


def login_when_free(port):
    """Retries, because the server may release a maildrop a moment after the previous session has ended."""
    for _ in range(100):
        try:
            return login(port)
        except poplib.error_proto:
            time.sleep(0.05)
    return login(port)


def refused(call, *arguments):
    try:
        answer = call(*arguments)
    except poplib.error_proto as error:
        text = str(error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0])
        expect(text.startswith("-ERR"), f"{call.__name__}{arguments}: the server answered {text!r}")
        return text
    sys.exit(f"poplib_check.py: {call.__name__}{arguments} was not refused: the server answered {answer!r}")


def rows(answer):
    """Returns the rows of a response to LIST or UIDL: number to value."""
    pairs = [row.decode().split(" ") for row in answer[1]]
    expect(all(len(pair) == 2 for pair in pairs), f"odd rows in {answer!r}")
    return {int(number): value for number, value in pairs}


def body(answer):
    return b"".join(line + b"\r\n" for line in answer[1])


def read_authorization(port):
    pop = connect(port)
    pop.set_debuglevel(0)
    welcome = pop.getwelcome()
    expect(welcome.startswith(b"+OK"), f"the greeting is {welcome!r}")
    capabilities = {}
    try:
        capabilities = pop.capa()
        print(f"  CAPA: {sorted(capabilities)}")
    except poplib.error_proto as error:
        print(f"  CAPA refused: {error}")
    pop.close()

    calls = [("stat",), ("list",), ("retr", 1), ("noop",), ("rpop", USER)]
    if b"<" in welcome:
        calls.append(("apop", USER, "wrong"))
    else:
        print("  no timestamp in the greeting, APOP not tried")
    calls += [(name,) for name in ("utf8", "stls") if name.upper() not in capabilities]
    for name, *arguments in calls:  # a separate connection for each, because a server may close after many errors
        pop = connect(port)
        refused(getattr(pop, name), *arguments)
        pop.close()

    pop = connect(port)
    pop.user(USER)
    refused(pop.pass_, "wrong")
    pop.close()


def read(port, maildir, uids, uncounted=0, blank_line_added=True):
    read_authorization(port)

    pop = login_when_free(port)
    expected = mail.wires(maildir)
    sizes = {number: int(octets) for number, octets in rows(pop.list()).items()}
    ids = rows(pop.uidl())
    expect(list(sizes) == list(range(1, len(expected) + 1)), f"LIST has the messages {list(sizes)}, not 1 to {len(expected)}")
    expect(list(ids) == list(sizes), f"UIDL has the messages {list(ids)}, unlike LIST")
    expect(len(set(ids.values())) == len(ids), "two messages have the same unique-id")
    expect(all(re.fullmatch(r"[!-~]{1,70}", uid) for uid in ids.values()), f"a unique-id is invalid: {ids}")
    expect(pop.stat() == (len(sizes), sum(sizes.values())), f"STAT {pop.stat()} is not the sum of LIST")

    messages = {}
    for number in sizes:
        answer = pop.retr(number)
        messages[number] = body(answer)
        expect(0 <= len(messages[number]) - sizes[number] <= uncounted, f"LIST {number} has another size than RETR: {answer[2]}")
        expect(answer[2] == len(messages[number]), f"RETR {number}: poplib counts {answer[2]}")
        expect(pop.list(number).split() == [b"+OK", b"%d" % number, b"%d" % sizes[number]], f"LIST {number}")
        expect(pop.uidl(number).split() == [b"+OK", b"%d" % number, ids[number].encode()], f"UIDL {number}")
        for count in (0, 1, 2, 3, 38, 39, 40, 1_000_000):
            part = body(pop.top(number, count))
            expect(part == mail.top(messages[number], count, blank_line_added), f"TOP {number} {count}: {part[-60:]!r}")
    expect(sorted(messages.values()) == sorted(expected.values()), "RETR returned other messages than the Maildir has")

    expect(pop.noop().startswith(b"+OK"), "NOOP")

    expect(pop.dele(1).startswith(b"+OK"), "DELE 1")
    for call, *arguments in ((pop.list,), (pop.uidl,), (pop.retr,), (pop.dele,), (pop.top, 0)):
        refused(call, 1, *arguments)
    expect(pop.stat() == (len(sizes) - 1, sum(sizes.values()) - sizes[1]), "STAT still counts a deleted message")
    expect(1 not in rows(pop.list()) and 1 not in rows(pop.uidl()), "a deleted message is still listed")
    expect(pop.rset().startswith(b"+OK"), "RSET")
    expect(pop.stat() == (len(sizes), sum(sizes.values())), "RSET did not bring the message back")
    expect(pop.quit().startswith(b"+OK"), "QUIT")

    told = [[uid, expected_base(expected, messages[number])] for number, uid in ids.items()]
    if uids.exists():
        expect(json.loads(uids.read_text()) == told, "the unique-ids changed after a restart of the server")
        print(f"  {len(told)} unique-ids are the same as in the previous run")
    else:
        uids.write_text(json.dumps(told))
    print(f"  {len(messages)} messages by RETR, {len(messages) * 8} responses to TOP")

    for nowhere in (0, len(sizes) + 1, 4_294_967_297):
        pop = login_when_free(port)
        for call, *arguments in ((pop.list,), (pop.uidl,), (pop.retr,), (pop.dele,), (pop.top, 0)):
            refused(call, nowhere, *arguments)
        expect(pop.stat() == (len(sizes), sum(sizes.values())), "a refused command changed something")
        pop.quit()


def read_short(port, maildir, uids):
    read(port, maildir, uids, uncounted=2, blank_line_added=False)


def expected_base(expected, message):
    return next(base for base, sent in expected.items() if sent == message)


def survey(port):
    pop = login_when_free(port)
    ids = rows(pop.uidl())
    return pop, {uid: body(pop.retr(number)) for number, uid in ids.items()}, ids


def delete(port, maildir):
    pop, before, _ = survey(port)
    pop.dele(2)
    pop.close()  # no QUIT, so nothing is removed

    pop, again, ids = survey(port)
    expect(again == before, "DELE without QUIT removed a message")
    pop.dele(2)
    expect(sorted(mail.wires(maildir).values()) == sorted(before.values()), "DELE removed a file before QUIT")
    pop.quit()

    pop, after, _ = survey(port)
    pop.quit()
    gone = ids[2]
    expect(after == {uid: sent for uid, sent in before.items() if uid != gone}, "QUIT did not remove exactly message 2")
    expect(sorted(mail.wires(maildir).values()) == sorted(after.values()), "the Maildir has other messages than the server lists")
    print(f"  message 2 of {len(before)} was removed only after QUIT; {len(after)} kept their unique-ids")


def exclusive(port):
    first = login_when_free(port)
    second, third = connect(port), connect(port)
    for pop in (second, third):
        pop.user(USER)
    for pop in (second, third):
        text = refused(pop.pass_, PASSWORD)
        expect(re.search(r"in.?use|lock|busy|another session", text, re.I), f"no clear refusal: {text!r}")
        print(f"  a second login was refused with {text!r}")
        pop.close()
    expect(first.stat()[0] > 0, "the first session lost its maildrop")
    first.quit()
    for _ in range(3):
        login_when_free(port).quit()
    print("  three sessions followed one another")


def main(action, port, *arguments):
    paths = [pathlib.Path(argument) for argument in arguments]
    actions = {"read": read, "read-short": read_short, "delete": delete, "exclusive": exclusive}
    actions[action](port, *paths)
    print(f"  poplib {action}: {checks} checks held")


if __name__ == "__main__":
    main(*sys.argv[1:])
