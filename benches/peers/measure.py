"""Starts every gateway before one backend, proves that each answers right, then has them take turns under load and
reads what that cost. Not for tables and plots: report.py writes those.

    measure.py RELEASE_FOLDER DESCRIPTORS [--rounds N] [--seconds S] [--all] [--only GATEWAY ...] [--transom BINARY]"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "peers"))

import gateways  # noqa: E402
import report  # noqa: E402

CALLS = ["get", "list20", "list200", "create"]
# What is measured, and what else with `--all`. Of the closed loop: calls and connections; of the open one: calls and
# requests a second.
CLOSED = [(32, call) for call in CALLS] + [(1, "get"), (256, "get")]
CLOSED_TOO = [(connections, call) for connections in (1, 256) for call in CALLS[1:]]
OPEN = [("get", 2000)]
OPEN_TOO = [("list20", 1000)]
OPEN_CONNECTIONS = 64
IDLE_CONNECTIONS = 1000
# Seconds that they are held.
HELD = 3
# The first request to a gateway that was just started: `get`.
FIRST = ("/api/cluster/v1/accounts/7f3c1f0e-52a9-4d8b-9c61-000000000020/clusters/"
         "1d0e2c3b-4a59-4867-9a7b-8c9d0e1f2a3b")
# Seconds that a gateway has beyond those of the load to give the last answers.
PATIENCE = 60
STARTS = 5
# Seconds after which what is left of the memory under load is looked at.
SETTLE = 3
GATEWAY_CORE, LOAD_CORE = "0", "1"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("release", type=pathlib.Path)
    arguments.add_argument("descriptors", type=pathlib.Path)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=1.5)
    arguments.add_argument("--all", action="store_true")
    arguments.add_argument("--only", nargs="*", default=[])
    arguments.add_argument("--transom", type=pathlib.Path)
    given = arguments.parse_args()
    given.transom = (given.transom or given.release / "transom").resolve()

    with tempfile.TemporaryDirectory() as work:
        bench = Bench(given, pathlib.Path(work))
        try:
            results = bench.run()
        finally:
            gateways.stop(bench.setting.processes)
    folder = ROOT / "benches" / "peers" / "results"
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, folder)
    print((folder / "README.md").read_text())


class Bench:
    """One run of the whole."""

    def __init__(self, given, work):
        self.given = given
        self.missing = gateways.missing()
        pinned = ["taskset", "--cpu-list", GATEWAY_CORE]
        self.setting = gateways.Setting(
            work=work, descriptors=given.descriptors.resolve(), backend="", transom=given.transom, before=pinned,
            services=["qdrant.cloud.cluster.v1.ClusterService"], schema={"protos": [str(ROOT / "proto")]})
        self.load_program = given.release / "load"

    def run(self):
        setting = self.setting
        setting.before = ["taskset", "--cpu-list", LOAD_CORE]
        setting.backend = gateways.start_backend(setting, self.given.release / "backend", setting.descriptors)
        setting.before = ["taskset", "--cpu-list", GATEWAY_CORE]
        starts = {name: start for name, start in self.starts().items()
                  if not self.given.only or name in self.given.only}
        results = {"machine": machine(), "versions": self.versions(), "missing": self.missing,
                   "rounds": self.given.rounds, "seconds": self.given.seconds, "gateways": {}}
        for name in starts:
            told(f"starting {name}")
            results["gateways"][name] = {"start": [self.start_time(starts[name]) for _ in range(STARTS)]}
        running = {name: start()[0] for name, start in starts.items()}
        for name, gateway in running.items():
            self.check(name, gateway)
            results["gateways"][name]["binary"] = gateway.binary.stat().st_size
        for name, gateway in running.items():
            results["gateways"][name]["memory"] = self.idle_memory(gateway)
        results["closed"] = self.closed(running)
        results["open"] = self.open(running)
        for name, gateway in running.items():
            results["gateways"][name]["memory"] |= self.loaded_memory(name, gateway)
        return results

    def starts(self):
        """How each gateway is started, in the order of the tables; those that are missing are left out."""
        setting = self.setting
        own = {name: lambda name=name: self.start_own(name) for name in ("ceiling", "naive")}
        peers = {
            "envoy": lambda: gateways.start_envoy(setting, ("envoy-default",)),
            "grpc-gateway": lambda: gateways.start_grpc_gateway(setting),
            "grpc-gateway, omitting": lambda: gateways.start_grpc_gateway(setting, "grpc-gateway-omitting", "-omit"),
            "vanguard": lambda: gateways.start_vanguard(setting),
            "structured-proxy": lambda: gateways.start_structured_proxy(setting),
        }
        return {
            "transom": lambda: gateways.start_transom(setting, "transom"),
            "transom, omitting": lambda: gateways.start_transom(setting, "envoy"),
            **own,
            **{name: start for name, start in peers.items() if name.split(",")[0] not in self.missing},
        }

    def start_own(self, name):
        binary = self.given.release / name
        process, log = gateways.spawn(self.setting, name, [binary, self.setting.descriptors, self.setting.backend])
        return [gateways.Gateway(name, gateways.announced(process, log), process, binary)]

    def versions(self):
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
        tools = {"rustc": ["rustc", "--version"], "go": ["go", "version"]}
        told = {name: subprocess.run(command, capture_output=True, text=True).stdout.strip()
                for name, command in tools.items() if name != "go" or gateways.PEERS.joinpath("go", "built").exists()}
        return {"transom": commit.stdout.strip(), **gateways.versions(), **told}

    def start_time(self, start):
        """Milliseconds from the start of the program to its first answer to `get`."""
        begin = time.monotonic()
        [gateway] = start()
        request = f"GET {FIRST} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        while time.monotonic() - begin < gateways.START_TIMEOUT:
            try:
                with socket.create_connection(("127.0.0.1", gateway.port), 1) as connection:
                    connection.sendall(request)
                    if b" 200 " in connection.recv(64):
                        break
            except OSError:
                pass
            time.sleep(0.002)
        took = (time.monotonic() - begin) * 1000
        gateways.stop([gateway.process])
        return took

    def check(self, name, gateway):
        """Every call has to give the JSON that it should, and the backend has to get what it should, or all ends."""
        for call in [*CALLS, "create-checked"]:
            status, body = self.load(gateway.port, call, "show").split(" ", 1)
            expected = json.loads(self.load(0, call, "expected"))
            if status != "200" or bare(json.loads(body)) != bare(expected):
                raise SystemExit(f"{name} answers `{call}` wrongly: {status} {body[:500]}")
        told(f"{name} answers right")

    def load(self, port, *arguments):
        command = ["taskset", "--cpu-list", LOAD_CORE, self.load_program, self.setting.descriptors, port, *arguments]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              timeout=self.given.seconds + PATIENCE)
        if done.returncode != 0:
            raise RuntimeError(f"load {arguments}: {done.stderr.strip()}")
        return done.stdout.strip()

    def closed(self, running):
        """Turns A B C A B C for each call at each number of connections."""
        samples = []
        for connections, call in CLOSED + CLOSED_TOO * self.given.all:
            for _ in range(self.given.rounds):
                for name, gateway in running.items():
                    sample = self.sample(gateway, call, connections)
                    samples.append({"gateway": name, "call": call, "connections": connections, **sample})
            told(f"{call} at {connections} connections: done")
        return samples

    def open(self, running):
        samples = []
        for call, rate in OPEN + OPEN_TOO * self.given.all:
            for _ in range(self.given.rounds):
                for name, gateway in running.items():
                    sample = self.sample(gateway, call, OPEN_CONNECTIONS, rate)
                    samples.append({"gateway": name, "call": call, "rate": rate, **sample})
            told(f"{call} at {rate} a second: done")
        return samples

    def sample(self, gateway, call, connections, *rate):
        before = processor_time(gateway.process.pid)
        try:
            seen = json.loads(self.load(gateway.port, call, connections, self.given.seconds, *rate))
        except subprocess.TimeoutExpired:
            told(f"{gateway.name}: {call} at {connections} connections: no answer in {PATIENCE} s")
            late = PATIENCE * 1e6
            seen = {"requests": 0, "failures": connections, "seconds": PATIENCE, "p50": late, "p99": late}
        spent = processor_time(gateway.process.pid) - before
        seen["cpu"] = spent * 1e6 / max(seen["requests"], 1)
        return seen

    def idle_memory(self, gateway):
        self.load(gateway.port, "get", 1, 0.2)
        time.sleep(1)
        idle = resident(gateway.process.pid)
        command = ["taskset", "--cpu-list", LOAD_CORE, self.load_program, self.setting.descriptors, gateway.port,
                   "hold", IDLE_CONNECTIONS, HELD]
        holder = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE)
        holder.stdout.readline()
        time.sleep(1)
        held = resident(gateway.process.pid)
        holder.wait()
        return {"idle": idle, "connection": (held - idle) / IDLE_CONNECTIONS}

    def loaded_memory(self, name, gateway):
        """The most that is resident while 256 clients ask for the long list, and what is left a little later."""
        peak, stopped = [0], threading.Event()

        def watch():
            while not stopped.wait(0.02):
                peak[0] = max(peak[0], resident(gateway.process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            self.load(gateway.port, "list200", 256, self.given.seconds)
        except subprocess.TimeoutExpired:
            told(f"{name}: list200 at 256 connections: no answer in {PATIENCE} s")
        stopped.set()
        watcher.join()
        time.sleep(SETTLE)
        told(f"{name}: memory under load: done")
        return {"loaded": peak[0], "after": resident(gateway.process.pid)}


def processor_time(pid):
    """Seconds of user and system time of a process: of all its threads, to the nanosecond."""
    return scheduled(pid)[0]


def thread_times(pid):
    """The same by thread: one that ends takes its time along, and is not to be counted as time given back."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return {thread.name: int((thread / "schedstat").read_text().split()[0]) / 1e9 for thread in threads}


def scheduled(pid):
    """The same, and the seconds for which its threads waited for a core that another one had."""
    threads = pathlib.Path(f"/proc/{pid}/task").iterdir()
    times = [(thread / "schedstat").read_text().split() for thread in threads]
    return [sum(int(each[part]) for each in times) / 1e9 for part in (0, 1)]


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} is gone")


def bare(value):
    """JSON without what is not set, which some gateways print."""
    if isinstance(value, dict):
        kept = {key: bare(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if not unset(inner)}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def unset(value):
    unspecified = isinstance(value, str) and value.endswith("_UNSPECIFIED")
    return unspecified or value in (None, "", 0, "0", False, [], {})


def machine():
    """The machine, by what matters here."""
    return f"{os.cpu_count()} cores"


def told(text):
    print(f"# {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
