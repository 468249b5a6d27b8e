"""Makes tables and plots of what growth.py measured: results/README.md and results/*.svg.

    curves.py      (writes them again from results/results.json)"""

import json
import math
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "peers"))

from report import cell, decade, number, table  # noqa: E402

# What a thing costs when there is much of it, as a multiple of what it costs when there is little.
FLAT = 1.2
# KiB of an idle connection, and microseconds for a message of a stream.
CONNECTION, MESSAGE = 10, 5
# Fewer idle connections, or routes, than this say nothing of the memory of one.
ENOUGH = 100
# The part of its time that a gateway may wait for its core.
QUIET = 0.1
BUSY = ", which other programs had: **these are the figures of a machine at other work**"
CPU = "CPU us per call"
COLOURS = ["#b5452c", "#3b6ea5", "#5a9e6f", "#9a6fb0"]


def write(results, folder):
    groups = results["groups"]
    sections = [section for name, section in SECTIONS.items() if name in groups]
    text = [
        "# Results of `benches/scale/run`",
        "",
        f"{results['rounds']} rounds of {results['seconds']:g} s for each row, whose gateways take turns A B C A B C; "
        "medians, with the least and the most of the rounds. Each row has a gateway of its own, so its memory is not "
        "that of another row; gateways have one core, backend and load generator the other. Absolute figures are of "
        "that machine and that day; what counts is how they grow.",
        "",
        f"- machine: {results['machine']}; gateways waited {statistics.median(waits(groups)):.0%} of their time for "
        f"their core{BUSY if busy(groups) else ''}",
        *(f"- {name}: `{version}`" for name, version in results["versions"].items()),
        "",
        *table(["", "measured", "target"], [row for judge in JUDGED for row in judge(groups)]),
        *(f"![{title}]({name}.svg)\n" for name, title, _, _, series in PLOTS if series(groups)),
    ]
    for section in sections:
        text += section(results)
    text += [f"{len(waits(groups))} runs, in which no call failed: a call that fails ends the whole.", ""]
    (folder / "README.md").write_text("\n".join(text))
    for name, title, across, up, series in PLOTS:
        if found := series(groups):
            (folder / f"{name}.svg").write_text(curves(title, across, up, found))


def waits(groups):
    return [wait for points in groups.values() for point in points for wait in figures(point, "waited")]


def busy(groups):
    return statistics.median(waits(groups)) > QUIET


# What is judged.


def judged_get(name, small, large):
    def judge(groups):
        if at(groups, name, small) is None or at(groups, name, large) is None:
            return []
        times = median(at(groups, name, large), "cpu") / median(at(groups, name, small), "cpu")
        what = {"idle": "idle connections", "active": "active connections", "routes": "routes"}[name]
        return [[f"CPU of `get` at {large:,} {what}, beside {small:,}", *verdict(times, "x", FLAT)]]
    return judge


def judged_connection(groups):
    point = at(groups, "idle", 10_000) or at(groups, "idle", 1000)
    if point is None:
        return []
    return [[f"memory of an idle connection that {what}", *verdict(a_connection(point, when), " KiB", CONNECTION)]
            for when, what in [("open", "never asked"), ("asked", "has asked once")]]


def judged_stream(name):
    def judge(groups):
        if name not in groups:
            return []
        short, long = at(groups, name, 1000), groups[name][-1]
        what = {"watch": "server stream", "record": "client stream"}[name]
        return [
            *([f"CPU of a small message of a {what} of {point['size']:,}",
               *verdict(median(point, "cpu") / point["size"], " us", MESSAGE)]
              for point in (at(groups, name, 100), short, long)),
            [f"most memory in a {what} of {long['size']:,}, beside {short['size']:,}",
             *verdict(most(long) / most(short), "x", FLAT)],
        ]
    return judge


def judged_body(name):
    def judge(groups):
        if name not in groups:
            return []
        large, small = groups[name][-1], at(groups, name, 2**20)
        a_byte = [beyond(point, groups[name][0]) for point in (large, small)]
        what = {"download": "answer", "upload": "request"}[name]
        return [
            [f"CPU of a byte of the text of one {what} of {size(large['size'])}, beside {size(small['size'])}",
             *verdict(a_byte[0] / a_byte[1], "x", FLAT)],
            ["most memory in it beyond idle, as a multiple of the text", f"{multiple(large):.2f}x", ""],
        ]
    return judge


JUDGED = [
    judged_get("idle", 1, 10_000), judged_connection, judged_get("active", 16, 1024), judged_get("routes", 10, 10_000),
    judged_stream("watch"), judged_stream("record"), judged_body("download"), judged_body("upload"),
]


def verdict(value, unit, most_allowed):
    """A figure, and the target that it is held to."""
    missed = ", missed" if value > most_allowed else ""
    return [f"{value:.2f}{unit}", f"at most {most_allowed:g}{unit}{missed}"]


# A table for each thing that grows.


def idle(results):
    head = ["idle connections", CPU, "CPU ms/s when nobody asks", "memory", "for a connection that never asked",
            "that has asked once", "most under load"]
    rows = [[f"{point['size']:,}", cell(figures(point, "cpu")), f"{point['quiet'] * 1e3:.2f}", mib(point["asked"]),
             held(point, "open"), held(point, "asked"), mib(most(point))] for point in results["groups"]["idle"]]
    return ["## Idle connections", "", f"`get` over {results['asking']} other connections, each of which asks again at "
            "once.", "", *table(head, rows)]


def held(point, when):
    if point["size"] < ENOUGH:
        return ""
    return f"{a_connection(point, when):.1f} KiB"


def active(results):
    head = ["connections", CPU, "calls/s", "most memory", "a little later"]
    rows = [[f"{point['size']:,}", cell(figures(point, "cpu")), f"{rate(point):,.0f}", mib(most(point)),
             mib(point["after"])] for point in results["groups"]["active"]]
    return ["## Active connections", "", "`get`, over connections that all ask again at once.", "", *table(head, rows)]


def routes(results):
    first = results["groups"]["routes"][0]
    head = ["routes", CPU, "calls/s", "start, from `.proto` files", "memory", "for a route beyond the first ten"]
    rows = [[f"{point['size']:,}", cell(figures(point, "cpu")), f"{rate(point):,.0f}",
             f"{statistics.median(point['start']):.0f} ms", mib(point["idle"]), a_route(point, first)]
            for point in results["groups"]["routes"]]
    return ["## Routes", "", f"Ten requests in turn, of ten methods of services that lie as far apart as they can, over "
            f"{results['asking']} connections; each answers what `get` does. `cargo bench --bench route` times the "
            "lookup alone.", "", *table(head, rows)]


def a_route(point, first):
    if point["size"] <= ENOUGH:
        return ""
    return f"{(point['idle'] - first['idle']) / (point['size'] - first['size']) / 1024:.1f} KiB"


def bodies(name, title, words):
    def section(results):
        points = results["groups"][name]
        head = ["text", CPU, "CPU ns for a byte beyond the first", "bytes/s", "idle memory", "most memory",
                "most beyond idle, as a multiple of the text"]
        rows = [[size(point["size"]), cell(figures(point, "cpu")),
                 f"{beyond(point, points[0]) * 1e3:.2f}" if point["size"] > 2**10 else "",
                 f"{size(rate(point) * point['size'])}/s", mib(point["idle"]), mib(most(point)),
                 f"{multiple(point):.1f}" if point["size"] >= 2**20 else ""] for point in points]
        return [f"## {title}", "", words, "", *table(head, rows)]
    return section


def streams(name, title, words):
    def section(results):
        points = results["groups"][name]
        head = ["messages", CPU, "CPU us per message", "messages/s", "idle memory", "most memory", "a little later"]
        rows = [[f"{point['size']:,}", cell(figures(point, "cpu")),
                 cell([cpu / point["size"] for cpu in figures(point, "cpu")]), f"{rate(point) * point['size']:,.0f}",
                 mib(point["idle"]), mib(most(point)), mib(point["after"])] for point in points]
        return [f"## {title}", "", words, "", *table(head, rows)]
    return section


SECTIONS = {
    "idle": idle,
    "active": active,
    "routes": routes,
    "download": bodies("download", "Answers", "An answer that is one text, over one connection, one call at a time."),
    "upload": bodies("upload", "Requests", "A request that is one text, over one connection, one call at a time."),
    "watch": streams("watch", "Server streams", "Small messages that the backend sends as fast as they are taken, each "
                     "in a DATA frame of its own; the client gets lines of `{\"result\":...}`, over one connection, one "
                     "call at a time."),
    "record": streams("record", "Client streams", "Lines of JSON in chunks of 16 KiB, which become messages, over one "
                      "connection, one call at a time."),
}


# Figures of a point.


def at(groups, name, size):
    return next((point for point in groups.get(name, []) if point["size"] == size), None)


def figures(point, figure):
    return [sample[figure] for sample in point["samples"]]


def median(point, figure):
    return statistics.median(figures(point, figure))


def rate(point):
    return statistics.median(sample["requests"] / sample["seconds"] for sample in point["samples"])


def most(point):
    return max(figures(point, "peak"))


def beyond(point, first):
    """Microseconds that each byte costs, what a call costs anyway left out."""
    return (median(point, "cpu") - median(first, "cpu")) / (point["size"] - first["size"])


def multiple(point):
    return (most(point) - point["idle"]) / point["size"]


def a_connection(point, when):
    """KiB for each of the connections that are held."""
    return (point[when] - point["idle"]) / point["size"] / 1024


def mib(count):
    return f"{count / 2**20:.1f} MiB"


def size(count):
    for unit, name in [(2**20, "MiB"), (2**10, "KiB")]:
        if count >= unit:
            return f"{count / unit:,.0f} {name}"
    return f"{count:,.0f} B"


# Plots.


def cpu_of(**names):
    """Series of the CPU time of a call, each a list of (size, median, least, most)."""
    return lambda groups: {told: [(point["size"], median(point, "cpu"), min(figures(point, "cpu")),
                                   max(figures(point, "cpu"))) for point in groups[name]]
                           for name, told in names.items() if name in groups}


def cpu_of_a_message(groups):
    series = cpu_of(watch="server stream", record="client stream")(groups)
    return {told: [(count, *(cpu / count for cpu in rest)) for count, *rest in points]
            for told, points in series.items()}


def memory_of(**names):
    return lambda groups: {told: [(point["size"], most(point) / 2**20, min(figures(point, "peak")) / 2**20,
                                   most(point) / 2**20) for point in groups[name]]
                           for name, told in names.items() if name in groups}


PLOTS = [
    ("connections", "CPU time of `get`, microseconds, as connections grow", "connections", "us",
     cpu_of(idle="idle, beside 8 that ask", active="all ask")),
    ("routes", "CPU time of a call, microseconds, as routes grow", "routes", "us", cpu_of(routes="routes")),
    ("bodies", "CPU time of a call, microseconds, as its text grows", "bytes", "us",
     cpu_of(download="answer", upload="request")),
    ("streams", "CPU time of a message, microseconds, as its stream grows", "messages", "us", cpu_of_a_message),
    ("memory", "Most memory of the gateway, MiB, as connections, routes and streams grow", "of each", "MiB",
     memory_of(idle="idle connections", active="active connections", routes="routes", watch="messages of a stream")),
    ("bodies-memory", "Most memory of the gateway, MiB, as bodies grow", "bytes", "MiB",
     memory_of(download="answer", upload="request")),
]


def curves(title, across, up, series):
    """Lines through medians, with strokes from the least to the most; each step of both scales is a factor of ten."""
    left, top, width, height = 60, 60, 560, 260
    points = [point for each in series.values() for point in each]
    x = Scale([point[0] for point in points], left, left + width)
    y = Scale([value for point in points for value in point[1:]], top + height, top, least_steps=2)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 170}" height="{top + height + 50}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="10" y="20" font-size="14">{title}</text>',
           f'<text x="{left - 8}" y="{top - 12}" text-anchor="end" fill="#666666">{up}</text>',
           f'<text x="{left + width}" y="{top + height + 36}" text-anchor="end" fill="#666666">{across}</text>']
    for value in x.steps:
        out.append(f'<line x1="{x(value):.0f}" y1="{top}" x2="{x(value):.0f}" y2="{top + height}" stroke="#dddddd"/>'
                   f'<text x="{x(value):.0f}" y="{top + height + 18}" text-anchor="middle" fill="#666666">'
                   f'{value:,}</text>')
    for value in y.steps:
        out.append(f'<line x1="{left}" y1="{y(value):.0f}" x2="{left + width}" y2="{y(value):.0f}" stroke="#dddddd"/>'
                   f'<text x="{left - 8}" y="{y(value) + 4:.0f}" text-anchor="end" fill="#666666">{value:,}</text>')
    for index, (name, found) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        line = " ".join(f"{x(where):.1f},{y(middle):.1f}" for where, middle, _, _ in found)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for where, middle, low, high in found:
            out.append(f'<line x1="{x(where):.1f}" y1="{y(low):.1f}" x2="{x(where):.1f}" y2="{y(high):.1f}" '
                       f'stroke="{colour}"/>'
                       f'<circle cx="{x(where):.1f}" cy="{y(middle):.1f}" r="3" fill="{colour}"/>'
                       f'<text x="{x(where):.1f}" y="{y(middle) + (18 if index % 2 else -8):.1f}" text-anchor="middle" '
                       f'fill="{colour}">{number(middle)}</text>')
        out.append(f'<text x="{left + width + 14}" y="{top + 14 + 18 * index}" fill="{colour}">{name}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


class Scale:
    """A logarithmic one, between two ends on the page, whose steps are powers of ten."""

    def __init__(self, values, begin, end, least_steps=1):
        self.high = decade(max(values), down=False)
        # One step alone would make much of little.
        self.low = min(decade(min(values), down=True), self.high - least_steps)
        self.begin, self.end = begin, end
        self.steps = [10**power if power >= 0 else 1 / 10**-power for power in range(self.low, self.high + 1)]

    def __call__(self, value):
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + (self.end - self.begin) * part


if __name__ == "__main__":
    FOLDER = HERE / "results"
    write(json.loads((FOLDER / "results.json").read_text()), FOLDER)
