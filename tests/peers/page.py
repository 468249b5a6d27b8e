"""Writes the matrix of answers, as text and as the page docs/peers.md. Not for asking or judging: matrix.py does."""

import json
import string

# The columns of the page, and what they are called there.
NAMES = {
    "transom-transom": "transom",
    "transom-grpc-gateway": "transom, profile grpc-gateway",
    "grpc-gateway": "grpc-gateway",
    "transom-envoy": "transom, profile envoy",
    "envoy": "Envoy",
    "envoy-default": "Envoy on defaults",
    "envoy-strict": "Envoy, strict",
    "transom-canonical": "transom, profile canonical",
    "vanguard": "vanguard",
    "structured-proxy": "structured-proxy",
}


# What gateways print, or do not, for fields that are not set.
UNSET = (None, "", 0, "0", False, [], {}, "COLOR_UNSPECIFIED")


def brief(answer, limit=110):
    """An answer in a line: fields that are not set are left out, long ones cut."""
    value = answer["value"]
    text = value if isinstance(value, str) else json.dumps(bare(value), ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    shown = "".join(f" [{name}: {told}]" for name, told in answer["shown"].items())
    if len(text) > limit:
        text = text[:limit - 3] + "..."
    return f"{answer['status'] or 'no answer:'}{shown} {text}".rstrip()


def bare(value):
    """A JSON value without what is not set."""
    if isinstance(value, dict):
        kept = {key: bare(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in UNSET}
    if isinstance(value, list):
        return [bare(inner) for inner in value]
    return value


def groups(answers, index):
    """The gateways that answer a case alike, most of them first."""
    found = {}
    for name in ordered(answers):
        found.setdefault(brief(answers[name][index], 100_000), []).append(name)
    return sorted(found.values(), key=len, reverse=True)


def ordered(answers):
    return [name for name in NAMES if name in answers]


def text(cases, answers):
    """The matrix for a terminal."""
    lines = []
    for index, case in enumerate(cases):
        lines.append(f"{case['row']:5} {case['case']}: {case['ask']}")
        for names in groups(answers, index):
            lines.append(f"      {brief(answers[names[0]][index])}\n            {', '.join(names)}")
    return "\n".join(lines)


def markdown(cases, answers, notes, versions, missing):
    """The page."""
    names = ordered(answers)
    out = [
        "# Beside other gateways",
        "",
        "What transom and other gateways answer to the same requests, with the same protos before the same backend; "
        "written by `tests/peers/run --write`. The letter after a status tells answers apart: gateways with the same "
        "letter gave the same status, shown headers and JSON value, but for fields that are not set and the words of "
        "a gateway's own errors. The answers themselves are below.",
        "",
        counts(cases, answers, notes),
        "",
        "Envoy is as the profile `envoy` models it (`convert_grpc_status`, unknown methods and "
        "query parameters refused); *on defaults* is without these; *strict* also refuses collisions, prints all "
        "fields and streams lines.",
        "",
        *(f"- {name}: `{version}`" for name, version in versions.items()),
        *(f"- {name} is missing: {why}" for name, why in missing.items()),
        "",
        "| | row | " + " | ".join(NAMES[name] for name in names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for index, case in enumerate(cases):
        letters = {name: letter for letter, group in zip(string.ascii_letters, groups(answers, index)) for name in group}
        cells = [f"{answers[name][index]['status'] or '-'} {letters[name]}" for name in names]
        out.append(f"| {case['case']} | {case['row']} | " + " | ".join(cells) + " |")
    for model in ("grpc-gateway", "envoy"):
        out += deviations(model, [note for note in notes if note["model"] == model])
    out += ["", "## The answers", ""]
    for index, case in enumerate(cases):
        out += [f"**{case['row']} {case['case']}**: {asked(case)}", ""]
        for letter, group in zip(string.ascii_letters, groups(answers, index)):
            told = brief(answers[group[0]][index], 200).replace("`", "'")
            out.append(f"- {letter}: `{told}` ({', '.join(NAMES[name] for name in group)})")
        out.append("")
    return "\n".join(out)


def counts(cases, answers, notes):
    rows = len({case["row"] for case in cases})
    compared = len(cases) * sum(model in answers for model in ("grpc-gateway", "envoy"))
    return (f"{len(cases)} requests about {rows} rows of the table of behaviours, {len(answers)} gateways. Of the "
            f"{compared} answers of the profiles `grpc-gateway` and `envoy`, {compared - len(notes)} are those of the "
            f"gateway that the profile stands for, and {len(notes)} differ on purpose; the run fails on any other.")


def asked(case):
    headers = "".join(f", `{name}: {value}`" for name, value in case.get("headers", {}).items())
    body = f", body `{case['body']}`" if case.get("body") else ""
    return f"`{case['ask']}`{headers}{body}".replace("\n", "\\n")


def deviations(model, notes):
    """Where a profile answers otherwise than its model, and why."""
    lines = ["", f"## Where the profile `{model}` differs from {NAMES[model]}", ""]
    lines += ["| | row | transom | " + NAMES[model] + " | why |", "|---|---|---|---|---|"]
    for note in notes:
        ours, theirs = (brief(note[side], 80).replace("|", "\\|").replace("`", "'") for side in ("ours", "theirs"))
        lines.append(f"| {note['case']} | {note['row']} | `{ours}` | `{theirs}` | {note['why']} |")
    return lines
