#!/usr/bin/python3
"""A mail server for tests: takes mail on loopback and writes down what it got.

usage: mail_server.py FOLDER starttls|tls|none

Writes FOLDER/port once it listens, and a line of JSON into FOLDER/mails for each mail. With TLS it shows
FOLDER/certificate.pem and takes mail only from croft, whose password is opensesame. Who a mail is for decides how it fares:
nobody@ and full@ are refused for good, busy@ once for now, spam@ after its content; lost@ is taken without an answer, and
once more with one; slow@ hears nothing.
"""
import asyncio
import json
import os
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder, encryption = pathlib.Path(sys.argv[1]), sys.argv[2]
met = set()


def is_first(address):
    known = address in met
    met.add(address)
    return not known


def sign_in(server, session, envelope, mechanism, data):
    is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"croft", b"opensesame")
    return AuthResult(success=is_known, handled=is_known, auth_data=data.login if is_known else None)


class Judge:
    async def handle_RCPT(self, server, session, envelope, address, options):
        who = address.split("@")[0]
        if who == "nobody":
            return "550 5.1.1 there is no such mailbox"
        if who == "full":
            return "552 5.2.2 it is full"
        if who == "busy" and is_first(address):
            return "451 4.3.0 try again later"
        if who == "slow":
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if any(address.startswith("spam@") for address in envelope.rcpt_tos):
            return "554 5.7.1 nobody wants to read that"
        mail = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "text": envelope.content.decode("ascii"),
                "user": session.auth_data.decode() if session.auth_data else "", "tls": session.ssl is not None}
        with open(folder / "mails", "a") as mails:
            mails.write(json.dumps(mail) + "\n")
        if any(address.startswith("lost@") and is_first(address) for address in envelope.rcpt_tos):
            server.transport.abort()
        return "250 2.0.0 taken"


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


async def main():
    loop = asyncio.get_running_loop()
    is_encrypted = encryption != "none"
    options = {"hostname": "mail.test", "loop": loop, "auth_required": is_encrypted,
               "authenticator": sign_in if is_encrypted else None}
    if encryption == "starttls":
        options |= {"tls_context": tls_context(), "require_starttls": True}
    if encryption == "tls":
        options |= {"auth_require_tls": False}  # it does not see that all of it is encrypted
    server = await loop.create_server(lambda: SMTP(Judge(), **options), "127.0.0.1", 0,
                                      ssl=tls_context() if encryption == "tls" else None)
    (folder / "new").write_text(str(server.sockets[0].getsockname()[1]))
    os.rename(folder / "new", folder / "port")
    await server.serve_forever()


asyncio.run(main())
