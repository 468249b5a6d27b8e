"""Compares transom's field rules with protovalidate's: the same messages, the same violations.

Arguments: the output of the `violations` example, and a descriptor set. Fails on any difference that `differences.py`
does not explain.
"""

import base64
import collections
import json
import pathlib
import sys
import time

import protovalidate
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

import differences

SHOWN = 25


def main(found, descriptor_set):
    started = time.monotonic()
    pool = load_pool(descriptor_set)
    validator = protovalidate.Validator()
    explained, shown = collections.Counter(), 0
    messages = unreadable = broken = failed = 0
    rules = collections.Counter()
    with open(found) as lines:
        for line in lines:
            ours = json.loads(line)
            made = message_factory.GetMessageClass(pool.FindMessageTypeByName(ours["type"]))()
            try:
                made.MergeFromString(base64.b64decode(ours["wire"]))
            except message.DecodeError:
                unreadable += 1
                continue
            try:
                theirs = violations(validator, made)
            except TypeError:
                # Text of proto2 that is not UTF-8, which Python keeps as bytes.
                unreadable += 1
                continue
            messages += 1
            if "fault" in ours or theirs is None:
                difference = [] if ("fault" in ours) == (theirs is None) else [(ours.get("fault"), theirs)]
            else:
                mine = {tuple(one) for one in ours["violations"]}
                broken += bool(mine)
                rules.update(rule for _, rule, _ in mine)
                difference = sorted(mine ^ theirs)
            left = [one for one in difference if not explain(ours["type"], one, made, explained)]
            if left:
                failed += 1
                if shown < SHOWN:
                    shown += 1
                    print(f"DIFFER: {ours['type']}: {made!s:.300}".replace("\n", " "))
                    for one in left[:6]:
                        side = "fault" if len(one) == 2 else "transom" if one in mine else "protovalidate"
                        print(f"    only {side}: {one!r:.300}")
    differences.check(pathlib.Path(__file__).with_name("README.md").read_text())
    print(f"{messages} messages compared in {time.monotonic() - started:.0f} s, {broken} of them broken, "
          f"{sum(rules.values())} violations of {len(rules)} rules; {unreadable} that Python cannot read left out")
    for name in differences.ALL:
        print(f"  {explained[name]:6} differ on purpose: {name}")
    print(f"{messages - failed} passed, {failed} failed")
    return 1 if failed or not messages else 0


def violations(validator, made):
    """The violations, or None where a rule gives no answer."""
    try:
        found = validator.collect_violations(made)
    except protovalidate.EvaluationError:
        return None
    return {(path(one.proto.field), one.proto.rule_id, one.proto.message) for one in found}


def path(field):
    """A path as it is commonly written."""
    steps = []
    for element in field.elements if field else []:
        step = element.field_name
        subscript = element.subscript
        if subscript is not None:
            value = subscript.value
            if isinstance(value, bool):
                value = str(value).lower()
            elif isinstance(value, str):
                value = json.dumps(value, ensure_ascii=False)
            step += f"[{value}]"
        steps.append(step)
    return ".".join(steps)


def explain(type_name, difference, made, explained):
    for name, holds in differences.ALL.items():
        if holds(type_name, difference, made):
            explained[name] += 1
            return True
    return False


def load_pool(path):
    with open(path, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return pool


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
