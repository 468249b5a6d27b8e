"""transom at the other end of a pipe: the conformance testee, asked in the conformance protocol."""

import struct
import subprocess

# Fields of conformance.ConformanceRequest and .ConformanceResponse.
PROTOBUF, JSON = 1, 2
JSON_TEST = 2
ANSWERS = {1: "parse error", 2: "runtime error", 3: "protobuf", 4: "json", 5: "skipped", 6: "serialize error"}


class Refused(Exception):
    """transom takes this for no such message, or for one without JSON."""


class Testee:
    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def to_json(self, name, wire):
        return self._ask(name, 1, wire, JSON).decode("utf-8")

    def to_wire(self, name, json):
        return self._ask(name, 2, json, PROTOBUF)

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise RuntimeError("the testee failed")

    def _ask(self, name, payload_field, payload, output):
        request = _bytes(payload_field, payload) + _number(3, output) + _bytes(4, name.encode()) + _number(5, JSON_TEST)
        self.process.stdin.write(struct.pack("<I", len(request)) + request)
        self.process.stdin.flush()
        (length,) = struct.unpack("<I", self.process.stdout.read(4))
        answer = self.process.stdout.read(length)
        kind, content = ANSWERS[answer[0] >> 3], _content(answer)
        if kind in ("parse error", "serialize error"):
            raise Refused(content.decode())
        if kind not in ("protobuf", "json"):
            raise RuntimeError(f"{kind}: {content!r}")
        return content


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _bytes(field, content):
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _content(answer):
    """What follows the tag and the length of the answer's one field."""
    at = 1
    while answer[at] & 0x80:
        at += 1
    return answer[at + 1 :]
