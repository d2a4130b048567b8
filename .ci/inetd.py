#!/usr/bin/env python3
"""Starts a program for each connection, with the socket as its stdin and stdout: inetd.py PORT PROGRAM ARGUMENT..."""
import os
import signal
import socket
import sys

port, command = int(sys.argv[1]), sys.argv[2:]
with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for stream in (0, 1):
                os.dup2(connection.fileno(), stream)
            listener.close()
            connection.close()
            os.execvp(command[0], command)
        connection.close()
