"""Compares transom with Python's google.protobuf.json_format: the same messages, the same answers.

Arguments: corpus, descriptor set, and then the command of the testee. Fails on any difference that
`differences.py` does not explain.
"""

import collections
import json
import pathlib
import random
import struct
import sys
import time

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message, message_factory

import differences
from mutate import mutations
from testee import Refused, Testee

MUTATIONS = 8
SHOWN = 40


def main(corpus, descriptor_set, command):
    started = time.monotonic()
    comparison = Comparison(load_pool(descriptor_set), command)
    count = 0
    for name, wire in records(corpus):
        comparison.message(name, wire)
        count += 1
    comparison.close()
    differences.check(pathlib.Path(__file__).with_name("README.md").read_text())
    print(f"{count} messages, {comparison.compared} comparisons in {time.monotonic() - started:.0f} s")
    for name in differences.ALL:
        print(f"  {comparison.explained[name]:6} differ on purpose: {name}")
    unexplained = sum(comparison.unexplained.values())
    for kind, seen in comparison.unexplained.most_common():
        print(f"  {seen:6} DIFFER: {kind}")
    print(f"{comparison.compared - unexplained} passed, {unexplained} failed")
    return 1 if unexplained else 0


def load_pool(path):
    with open(path, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    waiting = list(files.file)
    added = set()
    while waiting:
        ready = [file for file in waiting if added.issuperset(file.dependency)]
        for file in ready:
            pool.Add(file)
            added.add(file.name)
        waiting = [file for file in waiting if file.name not in added]
    return pool


def records(path):
    with open(path, "rb") as file:
        content = file.read()
    at = 0

    def piece():
        nonlocal at
        (length,) = struct.unpack_from("<I", content, at)
        at += 4 + length
        return content[at - length : at]

    while at < len(content):
        yield piece().decode(), piece()


class Comparison:
    def __init__(self, pool, command):
        self.pool = pool
        self.testee = Testee(command)
        self.with_zeros = Testee([command[0], "--zeros", *command[1:]])
        self.random = random.Random(1)
        self.compared = 0
        self.explained = collections.Counter()
        self.unexplained = collections.Counter()

    def message(self, name, wire):
        peer = Peer(self.pool, name)
        theirs = self._outcome(lambda: peer.to_json(wire))
        ours = self._outcome(lambda: self.testee.to_json(name, wire))
        self._judge("wire to JSON", name, wire, ours, theirs, same_json)
        self._judge(
            "wire to JSON with zeros",
            name,
            wire,
            self._outcome(lambda: self.with_zeros.to_json(name, wire)),
            self._outcome(lambda: peer.to_json(wire, zeros=True)),
            same_json,
        )
        if ours.good:
            self._read("our JSON", peer, ours.value.encode())
        if theirs.good:
            self._read("their JSON", peer, theirs.value.encode())
            for label, text in mutations(theirs.value, self.random, MUTATIONS):
                self._read(label, peer, text)

    def _read(self, label, peer, text):
        ours = self._outcome(lambda: self.testee.to_wire(peer.name, text))
        theirs = self._outcome(lambda: peer.to_wire(text))
        self._judge(label, peer.name, text, ours, theirs, lambda a, b: peer.canonical(a) == b)

    def _outcome(self, ask):
        try:
            return Outcome(True, ask())
        except (Refused, json_format.Error, message.DecodeError, message.EncodeError) as error:
            return Outcome(False, str(error))
        # What json_format lets through of its own insides.
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            return Outcome(False, f"{type(error).__name__}: {error}")

    def _judge(self, label, name, given, ours, theirs, same):
        self.compared += 1
        if ours.good == theirs.good and (not ours.good or same(ours.value, theirs.value)):
            return
        found = differences.Found(label, name, given, ours, theirs)
        explanation = differences.explain(found)
        if explanation:
            self.explained[explanation] += 1
            return
        kind = f"{label}: {found.kind}"
        if self.unexplained[kind] < 2 and len(self.unexplained) < SHOWN:
            show(found)
        self.unexplained[kind] += 1

    def close(self):
        self.testee.close()
        self.with_zeros.close()


class Outcome(collections.namedtuple("Outcome", "good value")):
    """An answer, or the words of the refusal."""


class Peer:
    """json_format for one message type."""

    def __init__(self, pool, name):
        self.pool, self.name = pool, name
        self.type = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    def to_json(self, wire, zeros=False):
        return json_format.MessageToJson(
            self.type.FromString(wire),
            indent=None,
            descriptor_pool=self.pool,
            always_print_fields_with_no_presence=zeros,
            ensure_ascii=False,
        )

    def to_wire(self, text):
        read = json_format.Parse(text, self.type(), descriptor_pool=self.pool)
        return read.SerializePartialToString(deterministic=True)

    def canonical(self, wire):
        return self.type.FromString(wire).SerializePartialToString(deterministic=True)


def same_json(ours, theirs):
    ours, theirs = (json.loads(text, parse_int=integer) for text in (ours, theirs))
    # A float may be written in more or fewer digits. That ours are enough, reading our JSON back tells.
    return normal(ours, repr) == normal(theirs, repr) or normal(ours, as_float) == normal(theirs, as_float)


def integer(digits):
    return -0.0 if digits == "-0" else int(digits)


def as_float(number):
    return repr(struct.unpack("f", struct.pack("f", number))) if abs(number) < 3.4e38 else "%.7g" % number


def normal(value, number):
    """The value such that 1 is 1.0, but true is not 1, and -0.0 is not 0."""
    if isinstance(value, dict):
        return {key: normal(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item, number) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ("number", number(float(value)))
    return value


def show(found):
    given = found.given.hex() if found.label.startswith("wire") else found.given.decode("utf-8", "replace")
    print(f"--- {found.label}: {found.kind}: {found.name}")
    for what, text in (("given", given), ("transom", found.ours.value), ("python", found.theirs.value)):
        print(f"    {what + ':':9}{clip(str(text))}")


def clip(text, most=600):
    return text if len(text) <= most else text[:most] + "..."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
