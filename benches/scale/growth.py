"""Measures what a call costs as connections, routes, bodies and streams grow: starts one transom for each size of a
thing, proves that each answers right, then has them take turns under load. Not for tables and plots: curves.py writes
those.

    growth.py RELEASE_FOLDER DESCRIPTORS [--quick] [--only GROUP ...] [--transom BINARY]"""

import argparse
import contextlib
import dataclasses
import http.client
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
import time
import typing

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path += [str(ROOT / "benches" / "peers"), str(ROOT / "tests" / "peers")]

import curves  # noqa: E402
import gateways  # noqa: E402
import measure  # noqa: E402
import routes  # noqa: E402

ROUNDS, SECONDS = 5, 1.5
QUICK_ROUNDS, QUICK_SECONDS = 1, 0.4
# Connections that ask, where something else grows.
ASKING = 8
# Seconds in which nobody asks anything, to see what idle connections cost then.
QUIET = 3
# Seconds that a call may take beyond those of the load.
PATIENCE = 120
STARTS = 3
# Files that a gateway has open beside its clients' connections.
OTHER_FILES = 100
# Larger than all bodies, more than all connections, and longer than connections are held that never asked.
LIMITS = {"request_body": "64MiB", "connections": 20000, "header_timeout": "10m", "idle_timeout": "30m"}
MESSAGES = {"max_request_message": "64MiB", "max_response_message": "64MiB"}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("release", type=pathlib.Path)
    arguments.add_argument("descriptors", type=pathlib.Path)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--only", nargs="*", default=[], choices=[group.name for group in GROUPS])
    arguments.add_argument("--transom", type=pathlib.Path)
    given = arguments.parse_args()
    # Of another commit than this one, perhaps.
    given.foreign = given.transom is not None
    given.transom = (given.transom or given.release / "transom").resolve()

    with tempfile.TemporaryDirectory() as work:
        results = Growth(given, pathlib.Path(work)).run()
    # What is only tried does not take the place of the results.
    folder = ROOT / "target" / "scale" / "results" if given.quick or given.only else HERE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    curves.write(results, folder)
    print((folder / "README.md").read_text())


@dataclasses.dataclass
class Group:
    """A thing that grows."""

    name: str
    sizes: list
    # What `growth` is told to load a gateway of a size with, and the seconds.
    load: typing.Callable
    # The `schema` of such a gateway, and a folder to write files into.
    schema: typing.Callable
    # Whether the gateway's calls are those of the model API, answered as its `get` is.
    model: bool = False
    # Whether the size is a number of connections, and whether these only are held.
    connections: bool = False
    held: bool = False
    # How often each gateway is started, to see how long that takes.
    starts: int = 1


def model_api(_size, _folder):
    return {"protos": [str(ROOT / "proto")]}


def scale_api(_size, _folder):
    return {"protos": [str(HERE / "protos")]}


def many_routes(size, folder):
    routes.write(folder / f"routes-{size}", size)
    return {"protos": [str(folder / f"routes-{size}")], "includes": [str(ROOT / "proto")], "services": routes.SERVICES}


def get(connections, seconds, requests=(("GET", measure.FIRST),)):
    return ["get", connections, seconds, *(word for request in requests for word in request)]


def sized(call):
    return lambda size, seconds: [call, size, seconds]


KIB, MIB = 2**10, 2**20
BODIES = [1, KIB, 32 * KIB, MIB, 8 * MIB, 32 * MIB]
STREAMS = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
GROUPS = [
    Group("idle", [1, 10, 100, 1000, 10_000], lambda _, seconds: get(ASKING, seconds), model_api,
          model=True, connections=True, held=True),
    Group("active", [1, 4, 16, 64, 256, 1024], get, model_api, model=True, connections=True),
    Group("routes", [10, 100, 1000, 10_000, 15_000],
          lambda size, seconds: get(ASKING, seconds, routes.requests(size)), many_routes, model=True, starts=STARTS),
    Group("download", BODIES, sized("download"), scale_api),
    Group("upload", BODIES, sized("upload"), scale_api),
    Group("watch", STREAMS, sized("watch"), scale_api),
    Group("record", STREAMS, sized("record"), scale_api),
]


class Growth:
    """One run of the whole."""

    def __init__(self, given, work):
        self.given = given
        self.rounds, self.seconds = (QUICK_ROUNDS, QUICK_SECONDS) if given.quick else (ROUNDS, SECONDS)
        self.setting = gateways.Setting(
            work=work, descriptors=given.descriptors.resolve(), services=[], backend="", transom=given.transom)

    def run(self):
        room = files() - OTHER_FILES
        setting = self.setting
        setting.before = ["taskset", "--cpu-list", measure.LOAD_CORE]
        try:
            setting.backend = gateways.start_backend(setting, self.given.release / "backend", setting.descriptors)
            setting.before = ["taskset", "--cpu-list", measure.GATEWAY_CORE]
            groups = {group.name: self.measured(group, room) for group in GROUPS
                      if not self.given.only or group.name in self.given.only}
        finally:
            gateways.stop(setting.processes)
        return {"machine": measure.machine(), "versions": self.versions(), "rounds": self.rounds,
                "seconds": self.seconds, "asking": ASKING, "groups": groups}

    def versions(self):
        told = {"transom": [self.given.transom, "--version"], "commit": ["git", "describe", "--always", "--dirty"],
                "rustc": ["rustc", "--version"]}
        if self.given.foreign:
            del told["commit"]
        return {name: subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
                for name, command in told.items()}

    def measured(self, group, room):
        """Turns A B C A B C of gateways that each have one of the sizes."""
        sizes = [size for size in group.sizes if not group.connections or size <= room]
        if left_out := set(group.sizes) - set(sizes):
            measure.told(f"{group.name}: only {room} files may be open, which leaves out {sorted(left_out)}")
        with contextlib.ExitStack() as stack:
            points = [Point(self, group, size, stack) for size in sizes]
            if group.held:
                hold(points, stack)
            for _ in range(self.rounds):
                for point in points:
                    point.sample()
            time.sleep(measure.SETTLE)
            for point in points:
                point.result["after"] = measure.resident(point.gateway.pid)
        measure.told(f"{group.name}: done")
        return [point.result for point in points]


class Point:
    """A gateway that has one size of a thing."""

    def __init__(self, growth, group, size, stack):
        self.growth, self.group, self.size = growth, group, size
        self.schema = group.schema(size, growth.setting.work)
        starts = [self.start() for _ in range(1 if growth.given.quick else group.starts)]
        for gateway, _, _ in starts[:-1]:
            gateways.stop([gateway])
        self.gateway, self.port, _ = starts[-1]
        stack.callback(lambda: gateways.stop([self.gateway]))
        self.check()
        time.sleep(0.3)
        self.result = {"size": size, "start": [took for _, _, took in starts],
                       "idle": measure.resident(self.gateway.pid), "samples": []}

    def start(self):
        setting = self.growth.setting
        config = {
            "listen": "127.0.0.1:0",
            "schema": self.schema,
            "upstreams": [{"url": f"http://{setting.backend}", **MESSAGES}],
            "limits": LIMITS,
            "telemetry": {"level": "info", "access_log": False},
        }
        name = f"{self.group.name}-{self.size}"
        file = setting.work / f"{name}.yaml"
        # JSON is YAML.
        file.write_text(json.dumps(config))
        begin = time.monotonic()
        process, log = gateways.spawn(setting, name, [setting.transom, "serve", "--config", file])
        port = gateways.announced(process, log)
        return process, port, (time.monotonic() - begin) * 1000

    def check(self):
        """All ends where an answer is not what it should be. Under load, too, each is compared with what it was."""
        load = self.group.load(self.size, 0)
        if not self.group.model:
            # Once the least of the kind: every answer under load is compared whole with what it should be.
            seen = self.load([load[0], self.group.sizes[0], 0])
            if seen["failures"] > 0:
                raise SystemExit(f"`{load[0]}` of {self.group.sizes[0]} is answered wrongly: {seen['told']}")
            return
        setting = self.growth.setting
        command = [self.growth.given.release / "load", setting.descriptors, "0", "get", "expected"]
        expected = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        words = load[3:]
        for method, path in zip(words[::2], words[1::2]):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            if answer.status != 200 or measure.bare(json.loads(body)) != measure.bare(expected):
                raise SystemExit(f"`{method} {path}` is answered wrongly: {answer.status} {body[:500]}")

    def load(self, words, begun=lambda: None):
        """Has the load begin after `begun`, when its connections are there."""
        command = ["taskset", "--cpu-list", measure.LOAD_CORE, self.growth.given.release / "growth", self.port, *words]
        load = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        patience = threading.Timer(self.growth.seconds + PATIENCE, load.kill)
        patience.start()
        load.stdout.readline()
        begun()
        seen, told = load.communicate("begin\n")
        patience.cancel()
        if load.returncode != 0:
            raise SystemExit(f"{self.group.name} of {self.size}: the load ends with {load.returncode}: {told.strip()}")
        return {**json.loads(seen), "told": told.strip()}

    def sample(self):
        pid = self.gateway.pid
        before = []

        def begun():
            forget_peak(pid)
            before.extend(measure.scheduled(pid))

        seen = self.load(self.group.load(self.size, self.growth.seconds), begun)
        spent, waited = (now - then for now, then in zip(measure.scheduled(pid), before))
        if seen.pop("failures") > 0:
            raise SystemExit(f"{self.group.name} of {self.size}: a call failed: {seen['told']}")
        del seen["told"]
        self.result["samples"].append({**seen, "cpu": spent * 1e6 / max(seen["requests"], 1), "peak": peak(pid),
                                       "waited": waited / max(spent + waited, 1e-9)})


def hold(points, stack):
    """Opens the idle connections of all gateways, sees what they take and what they cost while nobody asks anything,
    then has each of them ask once, and keeps them."""
    holders = []
    for point in points:
        command = ["taskset", "--cpu-list", measure.LOAD_CORE, point.growth.given.release / "growth", point.port,
                   "hold", point.size, measure.FIRST]
        holder = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True, bufsize=1)
        # Its input ends before its gateway does.
        stack.callback(holder.wait)
        stack.callback(holder.stdin.close)
        expect(holder, "open")
        holders.append(holder)
    time.sleep(1)
    for point, holder in zip(points, holders):
        point.result["open"] = measure.resident(point.gateway.pid)
        holder.stdin.write("ask\n")
        expect(holder, "asked")
    time.sleep(1)
    before = [measure.thread_times(point.gateway.pid) for point in points]
    time.sleep(QUIET)
    for point, then in zip(points, before):
        point.result["asked"] = measure.resident(point.gateway.pid)
        now = measure.thread_times(point.gateway.pid)
        point.result["quiet"] = sum(spent - then.get(thread, 0) for thread, spent in now.items()) / QUIET


def expect(holder, word):
    if holder.stdout.readline().strip() != word:
        raise RuntimeError("connections that should be held are not")


def files():
    """How many files a process may have open, after it was raised as far as it can be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most != resource.RLIM_INFINITY else 1 << 20


def forget_peak(pid):
    # Where this cannot be done, the peak is that since the start.
    with contextlib.suppress(OSError):
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid):
    """The most that was resident, in bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} is gone")


if __name__ == "__main__":
    main()
