"""What came in, read as a mail program does, and judged strictly."""

import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

HEADERS = {"Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version",
           "Content-Type"}
# What mail servers put before it.
TRACE = {"Return-Path", "X-Original-To", "Delivered-To", "Received"}
ALLOWED_TAGS = {"html", "head", "meta", "title", "style", "body", "div", "p", "span", "table", "thead", "tbody", "tr", "td",
                "th", "h1", "h2", "h3",
                "bdi", "pre", "code", "b", "strong", "em", "ul", "ol", "li", "br", "hr", "small"}
REMOTE_ATTRIBUTES = {"src", "href", "action", "background", "srcset", "poster", "data", "cite", "formaction", "ping"}


class Markup(HTMLParser):
    """Collects what must not be in the HTML of a message: scripts, images, links, anything that is fetched."""

    def __init__(self):
        super().__init__()
        self.faults, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        if tag not in ALLOWED_TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if name in REMOTE_ATTRIBUTES or name.startswith("on") or re.search(r"url\(|https?:|javascript:", value or "",
                                                                               re.I):
                self.faults.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data):
        if self.lasttag == "style" and re.search(r"url\(|@import|expression", data, re.I):
            self.faults.append("remote content in the style")
        self.text += data


def parse(data):
    return message_from_bytes(data, policy=policy.default.clone(raise_on_defect=False))


def defects(message):
    """Of the message, its headers and its parts."""
    found = []
    for part in message.walk():
        found += [repr(defect) for defect in part.defects]
        for name, value in part.items():
            found += [f"{name}: {defect!r}" for defect in getattr(value, "defects", ())]
        if not part.is_multipart():
            part.get_content()
            found += [repr(defect) for defect in part.defects]
    return found


def parts(message):
    return [part for part in message.walk() if not part.is_multipart()]


def content(message, content_type):
    for part in parts(message):
        if part.get_content_type() == content_type:
            return part.get_content()
    return None


def attachment_bytes(message):
    for part in message.iter_attachments() if message.get_content_type() == "multipart/mixed" else ():
        return part.get_payload(decode=True)
    return None


def faults(data, recipient, has_attachment, sender="reports@example.com"):
    """All that is wrong with the form of a message; an empty list is good."""
    found = []
    text = data.replace(b"\r\n", b"\n")
    head = text.partition(b"\n\n")[0]
    if any(byte > 126 or (byte < 32 and byte not in (9, 10)) for byte in text):
        found.append("bytes that are not printable ASCII")
    if b"\r" in text:
        found.append("a bare CR")
    if max(map(len, text.split(b"\n"))) > 998:
        found.append("a line of more than 998 bytes")
    message = parse(data)
    found += defects(message)
    names = [name for name in message.keys() if name not in TRACE]
    if sorted(names) != sorted(HEADERS):
        found.append(f"headers {names}")
    if sum(1 for line in head.split(b"\n") if re.match(rb"[!-9;-~]+:", line)) != len(message.keys()):
        found.append("a line of the head that looks like a header")
    to, come_from = message["To"].addresses, message["From"].addresses
    if [address.addr_spec for address in to] != [recipient]:
        found.append(f"To: {message['To']}")
    if [address.addr_spec for address in come_from] != [sender]:
        found.append(f"From: {message['From']}")
    if not re.fullmatch(r"<import-\d+\.[0-9a-z]+@example\.com>", message["Message-ID"]):
        found.append(f"Message-ID: {message['Message-ID']}")
    if message["Auto-Submitted"] != "auto-generated" or message["Date"].datetime is None:
        found.append("Auto-Submitted or Date")
    types = [part.get_content_type() for part in message.walk()]
    expected = ["multipart/alternative", "text/plain", "text/html"]
    if types != (["multipart/mixed", *expected, "text/csv"] if has_attachment else expected):
        found.append(f"parts {types}")
    for part in parts(message):
        if part.get_content_charset() != "utf-8":
            found.append(f"{part.get_content_type()} in {part.get_content_charset()}")
    html, plain = content(message, "text/html"), content(message, "text/plain")
    if html is None or plain is None:
        return found + ["text or HTML is missing"]
    markup = Markup()
    markup.feed(html)
    found += markup.faults
    for kind, body in (("text", plain), ("HTML", html), ("HTML as shown", markup.text)):
        hidden = [f"U+{ord(c):04X}" for c in body if is_hidden(c)]
        if hidden:
            found.append(f"{kind} with {hidden[:5]}")
    return found


def is_hidden(character):
    """Control and bidirectional characters, which no reader would see."""
    code = ord(character)
    return (code < 32 and character not in "\n\t\r") or 127 <= code < 160 or code in (0x61C, 0x200E, 0x200F, 0x2028, 0x2029,
                                                                                      0xFEFF) \
        or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
