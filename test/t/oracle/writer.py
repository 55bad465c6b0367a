"""Writes random files: delimiter, quotes, line ends, broken records, and on which line each record begins."""

import re

import pools
import shape


class Writer:
    """The half of generator.File that knows about bytes."""

    def write(self):
        random = self.random
        self.delimiter = random.choice([",", ",", ";", "\t", "|"])
        self.quoting = random.choice(["little", "all", "random"])
        self.line_end = random.choice(["\n", "\n", "\r\n", "\r", None])
        self.broken_share = random.choice([0.03, 0.03, 0.3])  # then neighbors meet
        way = random.choice(["found", "found", "option", "sep"])
        self.delimiter_option = self.delimiter if way == "option" else None
        self.warnings = []
        out = bytearray()
        if not self.latin and random.random() < 0.3:
            out += b"\xef\xbb\xbf"
        if way == "sep":
            out += ("sep=" + self.delimiter + self.next_line_end()).encode()
        header, self.header_names = [], []
        for position, field in enumerate(self.layout, 1):
            if field.startswith("?"):
                name = field[1:]
                if name == "":
                    self.warnings.append("column %d has no name and was ignored" % position)
                elif not name.startswith("_"):
                    self.warnings.append('column "%s" is not known and was ignored' % name)
                # Quoted, as a delimiter of another kind would be counted.
                header.append('"' + name.replace('"', '""') + '"' if name else "")
            else:
                self.header_names.append(random.choice(pools.HEADERS[field]))
                header.append(self.quote(self.header_names[-1]))
        out += (self.delimiter.join(header) + self.next_line_end()).encode(self.encoding)
        starts = []
        for record in self.records:
            while random.random() < 0.02:
                out += self.next_line_end().encode()
            raw = self.raw_record(record)
            starts.append(len(out))
            record.raw = raw
            out += raw
            out += self.next_line_end().encode()
        self.is_cut_off = random.random() < 0.3
        if self.is_cut_off:
            while out[-1:] in (b"\n", b"\r"):
                del out[-1]
        self.data = bytes(out)
        self.number_lines(starts)
        shape.decide(self)
        as_text = not self.latin and b"\0" not in self.data and self.valid_utf8()
        self.argument = random.choice(["bytea", "bytea", "oid"] + (["text", "text"] if as_text else []))

    def number_lines(self, starts):
        breaks = [m.end() for m in re.finditer(b"\r\n|\r|\n", self.data)]
        done = 0
        for record, start in zip(self.records, starts):
            while done < len(breaks) and breaks[done] <= start:
                done += 1
            record.line = done + 1

    def valid_utf8(self):
        try:
            self.data.decode("utf-8")
            return True
        except UnicodeDecodeError:
            return False

    def next_line_end(self):
        return self.line_end or self.random.choice(["\n", "\r\n", "\r"])

    def quote(self, text):
        must = any(c in text for c in self.delimiter + '"\r\n')
        if must or self.quoting == "all" or (self.quoting == "random" and self.random.random() < 0.4):
            return '"' + text.replace('"', '""') + '"'
        return text

    def raw_record(self, record):
        random = self.random
        record.texts = [record.cells[f] if not f.startswith("?") else random.choice(["", "x", "a,b\nc"])
                        for f in self.layout]
        cells = [self.quote(text) for text in record.texts]
        if random.random() > self.broken_share:
            return self.delimiter.join(cells).encode(self.encoding)
        return self.broken_record(record, cells)

    def broken_record(self, record, cells):
        """A record that cannot be read."""
        random = self.random
        kind = random.choice(["fewer", "more", "stray", "junk"] + ([] if self.latin else ["bytes", "bytes"]) + ["nul"])
        if kind in ("fewer", "more"):
            count = random.randint(1, len(cells) - 1) if kind == "fewer" else len(cells) + random.randint(1, 3)
            record.texts = (record.texts + ["", "more", "x y"])[:count]
            if count == 1:
                record.texts = ["alone"]
            for field in self.layout[count:]:
                record.cells[field] = ""
            return self.delimiter.join(map(self.quote, record.texts)).encode(self.encoding)
        position = random.randrange(len(cells))
        if kind in ("stray", "junk"):
            # No line break behind the stray quote: reading continues there.
            opened = len(shape.LINE_BREAK.findall(self.delimiter.join(cells[:position])))
            cells[position:] = ['ab"c' if kind == "stray" else '"a\nb" x"y"', "rest"]
            record.texts = None
            record.fault = ("malformed_record", "a quote appears inside an unquoted field, or text follows a closing quote",
                            "Put the field in quotes, and double every quote inside it." if kind == "stray"
                            else lambda line: shape.lines_hint(line + opened, line + opened + 1))
            return self.delimiter.join(cells).encode(self.encoding)
        parts = [c.encode(self.encoding) for c in cells]
        if kind == "nul":
            parts[position] = b"a\0b"
            record.fault = ("invalid_encoding", "the record contains a NUL byte", None)
        else:
            wrong, named = random.choice([(b"\xff", "0xff"), (b"x\xc3(", "0xc3 0x28"), (b"\xe2(\xa1", "0xe2 0x28 0xa1"),
                                          (b"\xed\xa0\x80", "0xed 0xa0 0x80"), (b"\xc0\xaf", "0xc0 0xaf")])
            parts[position] = b'"' + wrong + b'"'
            record.fault = ("invalid_encoding", "invalid byte sequence in UTF-8 text: " + named, None)
        return self.delimiter.encode().join(parts)
