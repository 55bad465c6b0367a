"""Which records of a file are none, are completed, or have a wrong number of fields: the rules of doc/csv_file.md."""

import re

BLANK = re.compile("[\\s\u0085\u200b-\u200f\ufeff\u00ad\x1a]*")
LINE_BREAK = re.compile("\r\n|\r|\n")


def is_blank(text):
    return BLANK.fullmatch(text) is not None


def named_columns(layout):
    """As many columns as there are up to the last that has a name."""
    named = [position for position, field in enumerate(layout, 1) if not is_blank(field.lstrip("?"))]
    return named[-1]


def swallows(texts, delimiter, named):
    """Whether a cell holds a line with as many delimiters as a record has."""
    return any(line.count(delimiter) + 1 >= named for text in texts for line in LINE_BREAK.split(text)[1:])


def field_count(record, width, hint):
    count = len(record.texts)
    record.fault = ("wrong_field_count", "the record has %d %s, the header has %d"
                    % (count, "field" if count == 1 else "fields", width), hint)


def decide(file):
    """Takes blank records away, completes short ones and rejects others; adds to the warnings."""
    width, named = len(file.layout), named_columns(file.layout)
    blank = [record for record in file.records
             if record.texts is not None and not record.fault and all(map(is_blank, record.texts))]
    if blank:
        file.records = [record for record in file.records if record not in blank]
    halves = "Is there a line break inside a cell? Put such a cell in quotes; or give each record %d fields." % width
    completed, dropped = [], []
    for number, record in enumerate(file.records):
        count = len(record.texts) if record.texts is not None else None
        if record.fault or count is None or count == width:
            continue
        if count > width:
            surplus = record.texts[width:]
            if all(map(is_blank, surplus)):
                if is_split(record.texts) and not any(name.startswith(" ") for name in file.header_names):
                    field_count(record, width, "Put a cell that contains %s in quotes, or remove the empty fields at its end."
                                % name_of(file.delimiter))
                else:
                    dropped.append(record)
            else:
                text = file.delimiter.join(surplus).strip(file.delimiter).replace("\t", "<U+0009>")
                field_count(record, width, 'Beyond the last column it has "%s". Put a cell that contains %s in quotes.' % (
                    text, name_of(file.delimiter)))
            continue
        is_cut_off = number == len(file.records) - 1 and file.is_cut_off
        if count > 1 and in_halves(file.records, number, width, named):
            field_count(record, width, halves)
        elif count >= named:
            pass
        elif is_cut_off:
            field_count(record, width, "The file ends in this record, without a line break. Is the file complete?")
        elif count == 1:
            field_count(record, width, "Is there a line break inside a cell? Put such a cell in quotes.")
        elif swallows(record.texts, file.delimiter, named):
            field_count(record, width, swallowed(record, file.delimiter))
        else:
            completed.append(record)
    for record in file.records:
        if record.fault and callable(record.fault[2]):
            record.fault = record.fault[:2] + (record.fault[2](record.line),)
    tell(file, blank, "the blank record at line %s was passed over", "%s blank records were passed over, first at line %s")
    tell(file, completed, "the record at line %s has fewer cells than the header: the missing ones were read as empty",
         "%s records have fewer cells than the header, first at line %s: the missing ones were read as empty")
    tell(file, dropped, "the record at line %s has empty cells beyond the header: they were ignored",
         "%s records have empty cells beyond the header, first at line %s: they were ignored")


def name_of(delimiter):
    return "a tab" if delimiter == "\t" else '"%s"' % delimiter


def is_split(texts):
    """Whether a text goes on in the next cell."""
    return any(after.startswith(" ") and not is_blank(after) and not is_blank(before)
               for before, after in zip(texts, texts[1:]))


def tell(file, records, one, many):
    if records:
        count = "{:,}".format(len(records))
        file.warnings.append(one % records[0].line if len(records) == 1 else many % (count, records[0].line))


def in_halves(records, number, width, named):
    """Whether a record and a neighbor have, put together, the fields of one record; lines of a single cell may be in
    between. The first of the two lacks cells of named columns."""
    def neighbor(step):
        for distance in range(1, 12):
            place = number + step * distance
            if not 0 <= place < len(records) or records[place].texts is None:
                return None
            if len(records[place].texts) != 1:
                return records[place]
        return None

    def are_halves(first, second):
        if first is None or second is None:
            return False
        one, two = len(first.texts), len(second.texts)
        return 1 < one < named and 1 < two < width and named <= one + two - 1 <= width

    return are_halves(neighbor(-1), records[number]) or are_halves(records[number], neighbor(1))


def swallowed(record, delimiter):
    """The hint for the longest quoted field."""
    raw = record.raw.decode("utf-8", "surrogateescape")
    fields, begin = [], 0
    for field in re.finditer('(?:^|(?<=%s))"((?:[^"]|"")*)"' % re.escape(delimiter), raw):
        fields.append((field.end() - field.start(), field.start(), field.end()))
    _, begin, end = max(fields, key=lambda f: (f[0], -f[1]))
    return lines_hint(record.line + len(LINE_BREAK.findall(raw[:begin])), record.line + len(LINE_BREAK.findall(raw[:end])))


def lines_hint(opened, closed):
    return ("A quote opened on line %d is closed on line %d, so that lines %d to %d are one record. Close it where its field"
            " ends." % (opened, closed, opened, closed))
