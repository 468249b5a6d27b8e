"""Makes tables and plots of what measure.py measured: results/README.md and results/*.svg.

    report.py      (writes them again from results/results.json)"""

import json
import math
import pathlib
import statistics

CALLS = ["get", "list20", "list200", "create"]
# Whom each of transom's two rows is compared with: the one whose JSON has the same fields.
RIVALS = {
    "transom, omitting": ["ceiling", "naive", "envoy", "grpc-gateway, omitting"],
    "transom": ["grpc-gateway", "vanguard", "structured-proxy"],
}
# How many times the cost of the ceiling transom may cost, and how many times less than others it is to cost.
AT_MOST = {"ceiling": {"get": 1.3, "list20": 2.2, "list200": 4, "create": 1.35}}
AT_LEAST = {
    "envoy": {"get": 4, "list20": 12, "list200": 16, "create": 8},
    "grpc-gateway, omitting": {"get": 3.5, "list20": 12, "list200": 16, "create": 6},
    "structured-proxy": {"get": 2, "list20": 8, "list200": 12, "create": 4},
}
COLOURS = ["#b5452c", "#e08e5b", "#444444", "#8a8a8a", "#3b6ea5", "#5a9e6f", "#8cc69b", "#9a6fb0", "#c9a227"]


def write(results, folder):
    names = list(results["gateways"])
    text = [
        "# Results of `benches/peers/run`",
        "",
        f"{results['rounds']} rounds of {results['seconds']:g} s for each cell, in turns A B C A B C; medians, with the "
        "least and the most of the rounds. The gateway has one core, backend and load generator the other. Absolute "
        "figures are of that machine and that day; ratios are what counts, and differences under 15 % mean nothing.",
        "",
        f"- machine: {results['machine']}",
        *(f"- {name}: `{version}`" for name, version in results["versions"].items()),
        *(f"- {name} is missing: {why}" for name, why in results["missing"].items()),
        "",
        "*transom* prints fields that are not set, as grpc-gateway does; *omitting* leaves them out, as the ceiling, the "
        "naive proxy and Envoy do. The ceiling transcodes nothing: its answers are JSON already.",
        "",
        "![CPU time of a request](cpu.svg)",
        "",
        "![Latency at a fixed rate](latency.svg)",
    ]
    for connections in sorted({sample["connections"] for sample in results["closed"]}):
        text += ["", f"## {connections} connection{'s' if connections > 1 else ''}, each asking again at once", ""]
        calls = [call for call in CALLS if closed(results, names[0], call, connections, "cpu")]
        text += table(["CPU us per request", *calls], [
            [name, *(cell(closed(results, name, call, connections, "cpu")) for call in calls)] for name in names])
        text += table(["requests/s", *calls], [
            [name, *(cell(rates(results, name, call, connections)) for call in calls)] for name in names])
        text += table(["p50 / p99 in us", *calls], [
            [name, *(pair(results, name, call, connections) for call in calls)] for name in names])
        text += ratios(results, names, connections, calls)
    text += ["", "## At a fixed rate", "", "Poisson arrivals, latency from when a request was due; p50 / p99 in us, and "
             "CPU us per request.", ""]
    fixed = sorted({(sample["call"], sample["rate"]) for sample in results["open"]})
    text += table(["", *(f"{call} at {rate:g}/s" for call, rate in fixed)], [
        [name, *(opened(results, name, call) for call, _ in fixed)] for name in names])
    text += ["", "## Start, memory, size", ""]
    text += table(["", "start to first answer", "idle", "an idle connection", "256 x list200", "a little later", "binary"],
                  [[name, *upkeep(results["gateways"][name])] for name in names])
    text += ["", f"{len(results['closed']) + len(results['open'])} runs. {failed(results, names)}", ""]
    (folder / "README.md").write_text("\n".join(text))
    (folder / "cpu.svg").write_text(cpu_plot(results, names))
    (folder / "latency.svg").write_text(latency_plot(results, names, fixed))


def failed(results, names):
    """Which gateways answered requests otherwise than with 200, or not in time."""
    counts = {name: sum(sample["failures"] for sample in results["closed"] + results["open"]
                        if sample["gateway"] == name) for name in names}
    told = ", ".join(f"{name}: {count}" for name, count in counts.items() if count > 0)
    return f"Failed requests: {told or 'none'}."


def closed(results, name, call, connections, figure):
    return [sample[figure] for sample in results["closed"]
            if (sample["gateway"], sample["call"], sample["connections"]) == (name, call, connections)]


def rates(results, name, call, connections):
    counts = closed(results, name, call, connections, "requests")
    seconds = closed(results, name, call, connections, "seconds")
    return [count / time for count, time in zip(counts, seconds)]


def pair(results, name, call, connections):
    return " / ".join(f"{statistics.median(closed(results, name, call, connections, part)):.0f}"
                      for part in ("p50", "p99"))


def cell(samples):
    return f"{number(statistics.median(samples))} ({number(min(samples))}-{number(max(samples))})"


def number(value):
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def ratios(results, names, connections, calls):
    """What the others cost as a multiple of transom, and the ceiling the other way round, each with its target."""
    rows = []
    for own, rivals in RIVALS.items():
        for rival in rivals:
            if own in names and rival in names:
                rows.append([f"{own} beside {rival}", *(against(results, own, rival, call, connections) for call in calls)])
    if not rows:
        return []
    return ["", *table(["CPU per request", *calls], rows)]


def against(results, own, rival, call, connections):
    cost = {name: statistics.median(closed(results, name, call, connections, "cpu")) for name in (own, rival)}
    if not all(cost.values()):
        return "-"
    if rival in AT_MOST:
        return judged(cost[own] / cost[rival], "of it", "at most", AT_MOST[rival][call])
    times = cost[rival] / cost[own]
    if rival in AT_LEAST:
        return judged(times, "less", "at least", AT_LEAST[rival][call])
    return f"{times:.2f}x less"


def judged(times, word, bound, target):
    missed = times > target if bound == "at most" else times < target
    return f"{times:.2f}x {word} ({bound} {target:g}{', missed' if missed else ''})"


def opened(results, name, call):
    samples = [sample for sample in results["open"] if (sample["gateway"], sample["call"]) == (name, call)]
    p50, p99, cpu = (statistics.median(sample[part] for sample in samples) for part in ("p50", "p99", "cpu"))
    return f"{p50:.0f} / {p99:.0f}, CPU {number(cpu)}"


def upkeep(gateway):
    memory = gateway["memory"]
    mebibytes = [f"{memory[part] / 2**20:.1f} MiB" for part in ("idle", "loaded", "after")]
    return [f"{statistics.median(gateway['start']):.0f} ms", mebibytes[0], f"{memory['connection'] / 1024:.1f} KiB",
            mebibytes[1], mebibytes[2], f"{gateway['binary'] / 1e6:.1f} MB"]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def cpu_plot(results, names):
    """Bars on a logarithmic scale: CPU time of a request at 32 connections."""
    groups = {call: {name: statistics.median(closed(results, name, call, 32, "cpu")) for name in names} for call in CALLS}
    return bars("CPU time of the gateway per request, microseconds, 32 connections", groups, names)


def latency_plot(results, names, fixed):
    groups = {}
    for call, rate in fixed:
        for part in ("p50", "p99"):
            groups[f"{call} at {rate:g}/s, {part}"] = {
                name: statistics.median(sample[part] for sample in results["open"]
                                        if (sample["gateway"], sample["call"]) == (name, call)) for name in names}
    return bars("Latency at a fixed rate, microseconds from when a request was due", groups, names)


def bars(title, groups, names):
    """A group of horizontal bars for each key; the scale has a factor of ten for each step."""
    left, width, bar, top = 170, 560, 14, 60
    values = [value for group in groups.values() for value in group.values() if value > 0]
    low, high = decade(min(values, default=1), down=True), decade(max(values, default=10), down=False)
    steps = high - low
    x = lambda value: left + width * (math.log10(max(value, 10**low)) - low) / steps  # noqa: E731
    height = top + len(groups) * (len(names) * bar + 30) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{height}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="10" y="20" font-size="14">{title}</text>']
    for step in range(steps + 1):
        at = left + width * step / steps
        out.append(f'<line x1="{at:.0f}" y1="40" x2="{at:.0f}" y2="{height - 10}" stroke="#dddddd"/>'
                   f'<text x="{at:.0f}" y="36" text-anchor="middle" fill="#666666">{10 ** (low + step):g}</text>')
    y = top
    for key, group in groups.items():
        out.append(f'<text x="10" y="{y + 10}" font-weight="bold">{key}</text>')
        y += 16
        for index, name in enumerate(names):
            value = group[name]
            out.append(
                f'<text x="{left - 6}" y="{y + bar - 4}" text-anchor="end">{name}</text>'
                f'<rect x="{left}" y="{y}" width="{max(x(value) - left, 1):.1f}" height="{bar - 3}" '
                f'fill="{COLOURS[index % len(COLOURS)]}"/>'
                f'<text x="{max(x(value), left) + 4:.1f}" y="{y + bar - 4}">{number(value)}</text>')
            y += bar
        y += 14
    return "\n".join([*out, "</svg>"]) + "\n"


def decade(value, down):
    below = math.floor(math.log10(value))
    return below if down else max(math.ceil(math.log10(value)), below + 1)


if __name__ == "__main__":
    FOLDER = pathlib.Path(__file__).resolve().parent / "results"
    write(json.loads((FOLDER / "results.json").read_text()), FOLDER)
