#!/usr/bin/env python3
"""Empties a mailbox by POP3 and fills it by LMTP: lmtp_fill.py POP3-PORT LMTP-PORT USER PASSWORD-VARIABLE FOLDER"""
import os
import pathlib
import poplib
import smtplib
import sys

pop3_port, lmtp_port, user, variable, folder = sys.argv[1:6]

pop = poplib.POP3("localhost", int(pop3_port), timeout=20)
pop.user(user)
pop.pass_(os.environ[variable])
for row in pop.list()[1]:
    pop.dele(int(row.split()[0]))
pop.quit()

with smtplib.LMTP("localhost", int(lmtp_port)) as lmtp:
    for path in sorted(pathlib.Path(folder).iterdir()):
        lmtp.sendmail("kit@example.org", [user], path.read_bytes())
