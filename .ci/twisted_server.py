#!/usr/bin/env python3
"""Twisted's POP3 server over its Maildir, on 127.0.0.1: twisted_server.py PORT MAILDIR USER PASSWORD"""
import os
import sys

from twisted.cred import checkers, portal
from twisted.internet import protocol, reactor
from twisted.mail import maildir, pop3
from zope.interface import implementer

port, path, user, password = int(sys.argv[1]), sys.argv[2].encode(), *sys.argv[3:5]


class Mailbox(maildir.MaildirMailbox):
    """With Python 3, its own RETR sends text where bytes are wanted, and its DELE joins text to bytes."""

    def getMessage(self, index):
        return open(self.list[index], "rb")

    def deleteMessage(self, index):
        if not self.list[index]:
            raise ValueError(index)
        self.deleted[index], self.list[index] = self.list[index], 0

    def undeleteMessages(self):
        for index, file in self.deleted.items():
            self.list[index] = file
        self.deleted.clear()

    def sync(self):
        for file in self.deleted.values():
            os.unlink(file)
        self.deleted.clear()


@implementer(portal.IRealm)
class Realm:
    def requestAvatar(self, _name, _mind, *_interfaces):
        return pop3.IMailbox, Mailbox(path), lambda: None


class Factory(protocol.ServerFactory):
    def buildProtocol(self, _address):
        users = checkers.InMemoryUsernamePasswordDatabaseDontUse()
        users.addUser(user.encode(), password.encode())
        server = pop3.POP3()
        server.factory = self
        server.portal = portal.Portal(Realm(), [users])
        return server


reactor.listenTCP(port, Factory(), interface="127.0.0.1")
reactor.run()
