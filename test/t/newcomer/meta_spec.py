"""What META.json may say by PGXN's specification, https://pgxn.org/meta/spec.txt, version 1.0.0: a function for each key."""

import re

LICENSES = """agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0
    mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source restricted unrestricted unknown""".split()
NUMBER = r"(0|[1-9]\d*)"
VERSION = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?")
RANGE = re.compile(rf"((==|!=|>=|<=|>|<) *)?{VERSION.pattern}")
TERM = re.compile(r"[^\s/\\\x00-\x1f\x7f]{2,}")
CONTACT = re.compile(r"[^<>]+ <[^<>@\s]+@[^<>@\s]+>")
ADDRESS = re.compile(r"[^<>@\s]+@[^<>@\s]+")
URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+")


def text(value):
    return isinstance(value, str) and value != ""


def matches(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def one_of(*values):
    return lambda value: value in values


def list_of(valid):
    """A list; a string counts as a list with one element."""
    return lambda value: isinstance(value, (str, list)) and len(value) > 0 and all(map(valid, [value] if isinstance(value, str) else value))


def map_of(valid_key, valid_value):
    return lambda value: isinstance(value, dict) and all(valid_key(key) and valid_value(item) for key, item in value.items())


def record(required, optional):
    """A map with these keys; those that begin with x_ are anybody's own."""
    def valid(value):
        keys = {**required, **optional}
        return isinstance(value, dict) and required.keys() <= value.keys() and all(
            keys[key](item) if key in keys else key[:2].lower() == "x_" for key, item in value.items())
    return valid


RELATIONS = map_of(one_of("requires", "recommends", "suggests", "conflicts"),
                   map_of(matches(TERM), lambda value: value == 0 or matches(RANGE)(value)))
REQUIRED = {
    "abstract": text,
    "license": list_of(one_of(*LICENSES)),
    "maintainer": list_of(matches(CONTACT)),
    "meta-spec": record({"version": one_of("1.0.0")}, {"url": matches(URI)}),
    "name": matches(TERM),
    "provides": map_of(matches(TERM), record({"file": text, "version": matches(VERSION)}, {"abstract": text, "docfile": text})),
    "version": matches(VERSION),
}
OPTIONAL = {
    "description": text,
    "generated_by": text,
    "no_index": map_of(one_of("file", "directory"), list_of(text)),
    "prereqs": map_of(one_of("configure", "build", "test", "runtime", "develop"), RELATIONS),
    "release_status": one_of("stable", "testing", "unstable"),
    "resources": record({}, {"homepage": matches(URI),
                             "bugtracker": record({}, {"web": matches(URI), "mailto": matches(ADDRESS)}),
                             "repository": record({}, {"url": matches(URI), "web": matches(URI), "type": matches("[a-z]+")})}),
    "tags": list_of(lambda value: matches(TERM)(value) and len(value) < 256),
}
