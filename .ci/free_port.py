#!/usr/bin/env python3
"""Prints a free port. It is below those of outgoing connections (from 32768), so none of them takes it before the server does."""
import random
import socket


def free_port():
    while True:
        port = random.randrange(10240, 32768)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


if __name__ == "__main__":
    print(free_port())
