#!/usr/bin/env python3
"""Twisted's POP3 server over its Maildir, on 127.0.0.1: twisted_server.py PORT MAILDIR USER PASSWORD"""
import sys

from twisted.cred import checkers, portal
from twisted.internet import protocol, reactor
from twisted.mail import maildir, pop3
from zope.interface import implementer

port, path, user, password = int(sys.argv[1]), sys.argv[2].encode(), *sys.argv[3:5]


@implementer(portal.IRealm)
class Realm:
    def requestAvatar(self, _name, _mind, *_interfaces):
        return pop3.IMailbox, maildir.MaildirMailbox(path), lambda: None


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
