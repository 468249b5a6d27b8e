"""JSON texts that are nearly right: one thing in a good text replaced, with a label for what it was."""

import json


class Raw(str):
    """Text that stands in the JSON as it is."""


class Pairs(list):
    """An object as (key, value) pairs, so that it can have a key twice."""


# What a value is replaced by. The labels are what the table of differences goes by.
VALUES = {
    text: Raw(text)
    for text in (
        *("null", "true", "false", "{}", "[]", '""', "[null]", '{"a":null}', "[[]]", "[{}]"),
        *("0", "-0", "1", "-1", "1.0", "1e2", "1e-2", "100e-2", "1.5", "-1.0", "1E+2", "0.1e1", "1e400", "-1e400"),
        *("2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296"),
        *("9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616"),
        *("9007199254740993", "3.4028234663852886e38", "3.5e38", "1.7976931348623157e308", "5e-324", "1e-400"),
        *('"0"', '"-0"', '"1"', '"+1"', '" 1"', '"1 "', '"1.0"', '"1e2"', '"1.5"', '"0x1"', '"01"', '"1_0"', '"\u0661"'),
        *('"18446744073709551616"', '"1e400"', '"NaN"', '"nan"', '"Infinity"', '"-Infinity"', '"inf"', '"-0.0"'),
        *('"true"', '"null"', '"a"', '"AA=="', '"AA"', '"AA="', '"A"', '"AB=="', '"_-8="', '"_-8"', '"+/8="', '"A A="', '"A*=="'),
        *('"1970-01-01T00:00:00Z"', '"1970-01-01T00:00:00+00:00"', '"1970-01-01t00:00:00z"', '"1970-01-01T00:00:00"'),
        *('"1970-01-01T00:00:00.1234567891Z"', '"0000-01-01T00:00:00Z"', '"1970-01-01T24:00:00Z"', '"1970-1-1T0:0:0Z"'),
        *('"1970-01-01T00:00:60Z"', '"1970-01-01 00:00:00Z"', '"1970-01-01T00:00:00.Z"', '"9999-12-31T23:59:59-01:00"'),
        *('"1s"', '"1.5s"', '"-1.5s"', '"+1s"', '".5s"', '"1.s"', '"1"', '"1h"', '"315576000001s"', '"1.0000000001s"', '"1 s"', '"-s"'),
        *('"a,b"', '"aB,c.dE"', '"a_b"', '"a,,b"', '"a, b"', '"A"', '"a.b_c"', '"*"'),
        *('"\\ud83d\\ude00"', '"\\ud83d"', '"\\u0000"', '"\\/"'),
        # Not JSON at all.
        *("NaN", "Infinity", "-Infinity", "+1", "01", "1.", ".5", "0x1", "1_0", "nul", "True", "'a'", "a", "[1,]", '{"a":1,}'),
        *('"\\x"', '"\\u12"', '"a\nb"', '"a\tb"', '"', "[", "{", "-", "1e", "", "/**/1", "1 1", "\u00a01"),
    )
}


def mutations(text, random, count):
    """Yields `count` times a label and a text that differs from `text` in one place."""
    for _ in range(count):
        tree = json.loads(text, object_pairs_hook=Pairs, parse_float=Raw, parse_int=Raw)
        places = list(_places(tree))
        action = random.choice((_value, _value, _value, _value, _key, _whole))
        label, tree = action(tree, places, random)
        yield label, (tree if isinstance(tree, Raw) else dump(tree)).encode("utf-8", "surrogatepass")


def dump(tree):
    if isinstance(tree, Raw):
        return str(tree)
    if isinstance(tree, Pairs):
        return "{" + ",".join(f"{dump(key)}:{dump(value)}" for key, value in tree) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(dump, tree)) + "]"
    return json.dumps(tree)


def _places(tree):
    """Every (container, index) of a value inside the tree."""
    if isinstance(tree, list):
        for index, item in enumerate(tree):
            yield tree, index
            yield from _places(item[1] if isinstance(tree, Pairs) else item)


def _value(tree, places, random):
    label = random.choice(list(VALUES))
    if not places:
        return label, VALUES[label]
    container, index = random.choice(places)
    if isinstance(container, Pairs):
        container[index] = (container[index][0], VALUES[label])
    else:
        container[index] = VALUES[label]
    return label, tree


def _key(tree, places, random):
    places = [place for place in places if isinstance(place[0], Pairs)]
    if not places:
        return "a key more", Pairs([("noSuchField", 1)])
    container, index = random.choice(places)
    key, value = container[index]
    label, pairs = random.choice(
        (
            ("a key twice", [(key, value), (key, value)]),
            ("a key twice, null first", [(key, Raw("null")), (key, value)]),
            ("a key twice, null last", [(key, value), (key, Raw("null"))]),
            ("a key in both spellings", [(key, value), (_snake(key), value)]),
            ("a key in the other spelling", [(_snake(key), value)]),
            ("a key in capitals", [(key.upper(), value)]),
            ("a key more", [(key, value), ("noSuchField", 1)]),
            ("a key more, null", [(key, value), ("noSuchField", Raw("null"))]),
            ("an extension that is not known", [(key, value), ("[no.such]", 1)]),
            ("a key escaped", [(Raw('"' + "".join(f"\\u{ord(c):04x}" for c in key if ord(c) < 0x10000) + '"'), value)]),
            ("a key without quotes", [(Raw(key or "a"), value)]),
            ("a key that is a number", [(Raw("1"), value)]),
            ("@type more", [(key, value), ("@type", "type.googleapis.com/google.protobuf.Empty")]),
        )
    )
    container[index : index + 1] = pairs
    return label, tree


def _whole(tree, _, random):
    text = dump(tree)
    return random.choice(
        (
            ("all: a byte order mark", Raw("\ufeff" + text)),
            ("all: trailing comma", Raw(text + ",")),
            ("all: trailing text", Raw(text + "x")),
            ("all: twice", Raw(text + text)),
            ("all: cut", Raw(text[: random.randrange(len(text))])),
            ("all: white space", Raw(" \t\r\n" + text + " \t\r\n")),
            ("all: other white space", Raw("\u2003" + text)),
            ("all: form feed", Raw(text + "\f")),
            ("all: in a list", Raw("[" + text + "]")),
            ("all: comment", Raw("/**/" + text)),
            ("all: null", Raw("null")),
            ("all: a NUL at the end", Raw(text + "\0")),
        )
    )


def _snake(key):
    return "".join("_" + c.lower() if c.isupper() else c for c in key)
