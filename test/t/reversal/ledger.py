"""What is in force of all that imports did to one customer.

A change is an event. An undo takes back an event of its source; the undo of that undo brings it back in force. What is in force of
a role, of a field or of the customer itself is the set of events that are changes of their own and not taken back.
"""


class Event:
    """What one record of an import did to its customer; the log's row about it."""

    def __init__(self, import_id, source, line, name, before, after):
        self.import_id, self.source = import_id, source  # source: the import that an undo undoes, else None
        self.line, self.name = line, name
        self.before, self.after = before, after          # rows; None: there was, or is, no such customer
        self.created, self.deleted = before is None, after is None
        old, new = before or {}, after or {}
        self.added = new.get("roles", frozenset()) - old.get("roles", frozenset())
        self.removed = old.get("roles", frozenset()) - new.get("roles", frozenset())
        self.fields = {f: (old.get(f), new.get(f)) for f in (old or new)
                       if f != "roles" and old.get(f) != new.get(f)}

    def touches(self, key):
        """A key is ("role", code), ("field", name) or ("existence",); an event that creates or deletes touches all."""
        if self.created or self.deleted:
            return True
        if key[0] == "role":
            # A code is the same whatever its case: another spelling is no change of the role.
            return (key[1].lower() in {c.lower() for c in self.added}) != (key[1].lower() in {c.lower() for c in self.removed})
        return key[0] == "field" and key[1] in self.fields

    def keys(self):
        """What it touches; the key of the customer itself includes all others."""
        if self.created or self.deleted:
            return [("existence",)]
        roles = [("role", code) for code in sorted(self.added | self.removed)]
        return [key for key in roles + [("field", name) for name in self.fields] if self.touches(key)]


class Ledger:
    """The events of a customer, in the order in which they happened."""

    def __init__(self):
        self.events = []
        self.marks = []  # what others have removed meanwhile: (order, codes in lower case; None: the customer was gone)

    def find(self, import_id, line):
        return next((e for e in reversed(self.events) if (e.import_id, e.line) == (import_id, line)), None)

    def replay(self, key, events):
        """Returns what is in force of the key after these events: changes of their own, and all that are in force."""
        seen, taken_back, targets = [], set(), {}

        def turn(event, on):
            (taken_back.discard if on else taken_back.add)(event)
            for target in targets[event]:
                turn(target, not on)

        for event in events:
            if not event.touches(key):
                continue
            targets[event] = [e for e in seen if event.source is not None and (e.import_id, e.line) == (event.source, event.line)]
            seen.append(event)
            for target in targets[event]:
                turn(target, False)
        in_force = [e for e in seen if e not in taken_back]
        return [e for e in in_force if not targets[e]], in_force

    def stands(self, event, key):
        return event in self.replay(key, self.events)[1]

    def superseded_since(self, event, key):
        """Whether something else is in force of the key than right after the event."""
        then = self.events[:self.events.index(event) + 1]
        return set(self.replay(key, self.events)[0]) != set(self.replay(key, then)[0])

    def superseded_without(self, key, is_later):
        """Whether something else is in force of the key than would be without the events for which is_later() holds."""
        earlier = [e for e in self.events if not is_later(e)]
        return set(self.replay(key, self.events)[0]) != set(self.replay(key, earlier)[0])

    def codes(self):
        return sorted({c for e in self.events for c in e.added | e.removed})

    def origin(self, code):
        """The import and line that gave a role; None when this is not known, or when others have removed it since it was given."""
        standing, in_force = self.replay(("role", code), self.events)
        given = [e.order for e in in_force if code.lower() in {c.lower() for c in e.added}]
        if any(order > max(given, default=-1) for order, codes in self.marks if codes is None or code.lower() in codes):
            return None
        gave = standing and code.lower() in {c.lower() for c in standing[-1].added}
        return (standing[-1].import_id, standing[-1].line) if gave else None
