#!/usr/bin/env python3
"""Passes POP3 on to 127.0.0.1:TARGET, and disturbs the first connection: relay.py TARGET WHAT [OCTETS]

hold       passes nothing on after OCTETS bytes from the server
cut        closes both connections after OCTETS bytes from the server
no-quit    closes both instead of passing QUIT on
no-answer  passes QUIT on, and closes both once the server has answered
"""

import socket
import sys
import threading


def main(target, what, octets="0"):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
        first = True
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", int(target)))
            event = what if first else "nothing"
            first = False
            for run in (to_server, to_client):
                threading.Thread(target=run, args=(client, server, event, int(octets)), daemon=True).start()


def to_server(client, server, event, _):
    try:
        while received := client.recv(65536):
            if event == "no-quit" and b"QUIT\r\n" in received:
                break
            if event == "no-answer" and b"QUIT\r\n" in received:
                client.shutdown(socket.SHUT_WR)
            server.sendall(received)
    except OSError:
        pass
    close(client if event == "no-quit" else None, server)


def to_client(client, server, event, octets):
    try:
        while received := server.recv(65536):
            if event in ("hold", "cut"):
                received, octets = received[:octets], octets - len(received[:octets])
            try:
                client.sendall(received)
            except BrokenPipeError:
                if event != "no-answer":
                    break
            if event in ("hold", "cut") and not octets:
                print(event, flush=True)
                if event == "hold":
                    threading.Event().wait()
                break
    except OSError:
        pass
    close(client, server)


def close(*connections):
    for connection in filter(None, connections):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
