#!/usr/bin/env python3
"""A POP3 server that dies in the middle of its second message: cut_server.py PORT CUT

It serves one session. It answers the first RETR completely, and sends only the first CUT bytes of the second response.
"""

import socket
import sys

ONE = b"+OK\r\nSubject: one\r\n\r\n..whole\r\n.\r\n"
TWO = b"+OK\r\nSubject: two\r\n\r\ncut off\r\n.\r\n"
LISTS = {b"LIST": b"+OK\r\n1 24\r\n2 25\r\n.\r\n", b"UIDL": b"+OK\r\n1 a\r\n2 b\r\n.\r\n", b"STAT": b"+OK 2 49\r\n"}
REFUSED = b"-ERR no\r\n"


def main(port, cut):
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        print("listening", flush=True)
        listener.settimeout(30)
        session, _ = listener.accept()
    session.settimeout(30)
    session.sendall(b"+OK ready\r\n")
    for line in session.makefile("rb"):
        keyword, _, argument = line.strip().upper().partition(b" ")
        if (keyword, argument) == (b"RETR", b"2"):
            session.sendall(TWO[: int(cut)])
            session.shutdown(socket.SHUT_WR)
            break
        if keyword in (b"CAPA", b"AUTH", b"APOP", b"STLS"):
            session.sendall(REFUSED)
        elif keyword == b"RETR":
            session.sendall(ONE)
        elif not argument and keyword in LISTS:
            session.sendall(LISTS[keyword])
        elif keyword in (b"LIST", b"UIDL"):
            session.sendall(b"+OK %s %s\r\n" % (argument, argument))
        else:
            session.sendall(b"+OK\r\n")
    session.recv(1)  # until the client has closed
    session.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
