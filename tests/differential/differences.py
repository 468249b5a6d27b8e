"""Where transom and json_format differ on purpose. README.md beside this file has a row for each entry."""

import collections
import re

ONLY_TRANSOM = "only transom takes it"
ONLY_PYTHON = "only Python takes it"
OTHER_VALUE = "other value"


class Found(collections.namedtuple("Found", "label name given ours theirs")):
    """One comparison that did not agree: what was replaced in the text, the type, and what came of it."""

    @property
    def kind(self):
        if self.ours.good and self.theirs.good:
            return OTHER_VALUE
        return ONLY_TRANSOM if self.ours.good else ONLY_PYTHON


class Difference(collections.namedtuple("Difference", "kind label ours theirs given", defaults=[""] * 4)):
    """What is alike in all differences of one sort, as patterns: the label, both refusals, what was given."""

    def holds(self, found):
        return found.kind == self.kind and all(
            re.search(pattern, str(text))
            for pattern, text in (
                (self.label, found.label),
                (self.ours, "" if found.ours.good else found.ours.value),
                (self.theirs, "" if found.theirs.good else found.theirs.value),
                (self.given, found.given.decode("utf-8", "replace")),
            )
        )


ALL = {
    "a name in both spellings": Difference(ONLY_PYTHON, "both spellings", "duplicate field"),
    "an empty value as a message": Difference(
        ONLY_PYTHON, r'^(""|\[\]|\[\[\]\])$', r'expected an object, found (string ""|a list)'
    ),
    "integers as int() reads them": Difference(
        ONLY_PYTHON, r'^"(\+1|01|1_0|\u0661|1 )"$', r"-bit integer(, as a map key)?, found string"
    ),
    "integers too small for a double": Difference(ONLY_PYTHON, "^1e-400$", "-bit integer, found number 1e-400"),
    "enums as int() reads them": Difference(
        ONLY_PYTHON, "", r"expected (one of \w+.*|the name or number of an enum value), found"
    ),
    "floats as float() reads them": Difference(
        ONLY_PYTHON,
        r'^(true|false|"(inf|1_0| 1|1 |\+1|01|\u0661|1e400|18446744073709551616)")$',
        r"expected a (32|64)-bit floating point number, found (string|true|false)"
    ),
    "lenient timestamps": Difference(ONLY_PYTHON, r'^"1970-(1-1T0:0:0|01-01T00:00:00\.)Z"$', "expected an RFC 3339 timestamp"),
    "lenient durations": Difference(ONLY_PYTHON, r'^"1(\.0000000001|\.| )s"$', "expected a duration"),
    "durations without a whole part": Difference(ONLY_TRANSOM, "", "", r"Couldn't parse duration: \.5s"),
    "lenient base64": Difference(ONLY_PYTHON, "", "expected base64 text"),
    "lenient field masks": Difference(ONLY_PYTHON, "", "expected lowerCamel field paths"),
    "paths that a mask cannot show": Difference(ONLY_PYTHON, "^wire to JSON", "field mask path .* has no JSON form"),
    "an Any with more beside its value": Difference(
        ONLY_PYTHON, "^(a key more|an extension)", "the message has no such field", given='"@type"'
    ),
    "numbers that JSON does not have": Difference(
        ONLY_PYTHON, r"^(NaN|-?Infinity)$", r'unexpected character "[NI]"|malformed number'
    ),
    "numbers beyond a double": Difference(ONLY_PYTHON, "^-?1e400$", "out of range|floating point number, found number"),
    "the sign of zero": Difference(OTHER_VALUE, given=r"[:\[,]-0[,}\]]|^-0$"),
    "the greatest float": Difference(ONLY_TRANSOM, "", "", "Float value too (large|small)"),
    "text that is not UTF-8 in proto2": Difference(ONLY_PYTHON, "^wire to JSON", "not valid UTF-8"),
}


def explain(found):
    for name, difference in ALL.items():
        if difference.holds(found):
            return name
    return None


def check(readme):
    """Every entry has its row, and every row its entry."""
    rows = re.findall(r"^\| (?!difference )([^|]+?) \|", readme, re.MULTILINE)
    if set(rows) != set(ALL):
        raise AssertionError(f"README.md and differences.py differ: {sorted(set(rows) ^ set(ALL))}")
