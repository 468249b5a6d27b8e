"""Asks every gateway the same, prints who answers what, and holds transom's profiles to the gateways they stand for.

    matrix.py TRANSOM BACKEND DESCRIPTORS [--write] [--only WORD]

`--write` keeps the matrix in docs/peers.md. Fails on an answer of the profile `grpc-gateway` that is not
grpc-gateway's, or of the profile `envoy` that is not Envoy's, unless deviations.json says why; and on a line there
that is no longer true."""

import argparse
import gzip
import json
import pathlib
import re
import socket
import sys
import tempfile

import gateways
import page

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT = 10
# A profile of transom and the gateway that it stands for.
MODELS = {"transom-grpc-gateway": "grpc-gateway", "transom-envoy": "envoy"}
PROFILES = ["transom", "grpc-gateway", "envoy", "canonical"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("transom", type=pathlib.Path)
    arguments.add_argument("backend", type=pathlib.Path)
    arguments.add_argument("descriptors", type=pathlib.Path)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--only", default="")
    given = arguments.parse_args()

    cases = [case for case in json.loads((HERE / "cases.json").read_text()) if given.only in case["case"]]
    answers, missing = ask_all(given, cases)
    faults, notes = judge(cases, answers)
    print(page.text(cases, answers))
    for fault in faults:
        print(f"FAIL {fault}")
    for name, why in missing.items():
        print(f"missing: {name}: {why}")
    same = sum(len(cases) for model in MODELS.values() if model in answers) - len(notes) - len(faults)
    print(f"{len(cases)} cases, {len(answers)} gateways: {same} answers of profiles are their model's, "
          f"{len(notes)} differ on purpose, {len(faults)} otherwise")
    if given.write:
        file = gateways.ROOT / "docs" / "peers.md"
        file.write_text(page.markdown(cases, answers, notes, gateways.versions(), missing))
    sys.exit(bool(faults))


def ask_all(given, cases):
    """Starts everything, asks everything, and stops everything."""
    missing = gateways.missing()
    with tempfile.TemporaryDirectory() as work:
        setting = gateways.Setting(
            work=pathlib.Path(work), descriptors=given.descriptors.resolve(), backend="",
            services=["transom.peers.v1.Items", "transom.peers.v1.Parts"], not_envoy=["transom.peers.v1.Parts"],
            transom=given.transom.resolve())
        try:
            setting.backend = gateways.start_backend(setting, given.backend, given.descriptors)
            running = []
            starts = [(f"transom ({name})", lambda name=name: gateways.start_transom(setting, name)) for name in PROFILES]
            starts += [
                ("envoy", lambda: gateways.start_envoy(setting)),
                ("grpc-gateway", lambda: gateways.start_grpc_gateway(setting)),
                ("vanguard", lambda: gateways.start_vanguard(setting)),
                ("structured-proxy", lambda: gateways.start_structured_proxy(setting)),
            ]
            for name, start in starts:
                if name not in missing:
                    running += start()
            answers = {gateway.name: [answer(gateway.port, case) for case in cases] for gateway in running}
            for gateway in running:
                if gateway.process.poll() is not None:
                    missing[gateway.name] = f"ended with {gateway.process.returncode} while it was asked"
            return answers, missing
        finally:
            gateways.stop(setting.processes)


def answer(port, case):
    """What one gateway says: (status, shown headers, value), in a form that can be compared."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
            connection.sendall(request(case))
            status, headers, body, whole = response(connection, case["ask"].startswith("HEAD "))
    except (OSError, ValueError, IndexError) as error:
        return {"status": 0, "shown": {}, "value": type(error).__name__}
    shown = {name: ", ".join(headers[name]) for name in case.get("shown", []) if name in headers}
    if "trailer" in shown:
        # Names of fields, whose case means nothing.
        shown["trailer"] = shown["trailer"].lower()
    parsed = value(body, status)
    return {"status": status, "shown": shown, "value": parsed if whole else ["broken off after", parsed]}


def request(case):
    """The bytes of a request. `$repeat(N,TEXT)` stands for many."""
    unfolded = {key: unfold(case[key]) for key in ("ask", "body") if key in case}
    body = unfolded.get("body", "").encode()
    if case.get("gzip"):
        body = gzip.compress(body)
    headers = {"Host": "items.example.com", "Connection": "close"}
    if "body" in case:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    headers |= case.get("headers", {})
    lines = [f"{unfolded['ask']} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def unfold(text):
    return re.sub(r"\$repeat\((\d+),(.)\)", lambda found: found[2] * int(found[1]), text)


def response(connection, bodiless):
    """Reads one response to its end: status, headers (lower case), body, and whether it came whole."""
    stream = connection.makefile("rb")
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, text = line.decode("latin-1").split(":", 1)
        headers.setdefault(name.strip().lower(), []).append(text.strip())
    if bodiless or status in (204, 304):
        return status, headers, b"", True
    if headers.get("transfer-encoding") == ["chunked"]:
        body, whole = chunks(stream, headers)
    elif "content-length" in headers:
        length = int(headers["content-length"][0])
        body = stream.read(length)
        whole = len(body) == length
    else:
        body, whole = stream.read(), True
    return status, headers, body, whole


def chunks(stream, headers):
    """The chunks of a body; the trailers after them are taken as headers. A connection that ends between them is told."""
    body = b""
    try:
        while size := int(stream.readline().split(b";")[0], 16):
            body += stream.read(size)
            stream.readline()
    except (ValueError, OSError):
        return body, False
    while line := stream.readline().strip():
        name, text = line.decode("latin-1").split(":", 1)
        headers.setdefault(name.strip().lower(), []).append(text.strip())
    return body, True


def value(body, status):
    """A body as a value: JSON (a string with its quotes), lines of JSON, or text."""
    text = body.decode("utf-8", "backslashreplace")
    try:
        parsed = json.loads(text)
        return json.dumps(parsed, ensure_ascii=False) if isinstance(parsed, str) else worded(parsed)
    except ValueError:
        pass
    try:
        lines = [json.loads(line) for line in text.splitlines() if line]
        if len(lines) > 0:
            return {"lines": [worded(line) for line in lines]}
    except ValueError:
        pass
    return f"text of {len(text)} characters" if status >= 400 and len(text) > 0 else text


def worded(json_value):
    """Without the words of errors, which every gateway chooses for itself; the backend's own words are kept."""
    if not isinstance(json_value, dict):
        return json_value
    if isinstance(json_value.get("error"), dict):
        return {**json_value, "error": worded(json_value["error"])}
    message = json_value.get("message")
    if "code" in json_value and isinstance(message, str) and not message.startswith("boom"):
        return {**json_value, "message": "..."}
    return json_value


def judge(cases, answers):
    """Compares each profile with its model: what is wrong, and what differs on purpose."""
    listed = json.loads((HERE / "deviations.json").read_text())
    faults, notes = [], []
    for profile, model in MODELS.items():
        if model not in answers:
            continue
        why = {entry["case"]: entry for entry in listed[model]}
        for case, ours, theirs in zip(cases, answers[profile], answers[model]):
            entry = why.pop(case["case"], None)
            equal = same(ours, theirs, model) or model in case.get("unsteady", [])
            if equal and entry:
                faults.append(f"{profile}: {case['case']}: no longer differs from {model}")
            elif not equal and entry:
                notes.append({"model": model, **entry, "ours": ours, "theirs": theirs, "row": case["row"]})
            elif not equal:
                faults.append(f"{profile}: {case['row']} {case['case']}:\n     ours   {page.brief(ours, 600)}\n"
                              f"     theirs {page.brief(theirs, 600)}")
        if not any(case["case"] in why for case in cases) and len(cases) < 10:
            continue
        faults += [f"deviations.json: {model}: no case `{name}`" for name in why]
    return faults, notes


def same(ours, theirs, model):
    """Whether two answers are one. Envoy's own errors are text, ours are a Status under every profile."""
    if (ours["status"], ours["shown"]) != (theirs["status"], theirs["shown"]):
        return False
    if model == "envoy" and theirs["status"] >= 400 and not isinstance(theirs["value"], dict):
        return True
    return ours["value"] == theirs["value"]


if __name__ == "__main__":
    main()
