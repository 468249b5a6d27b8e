"""Writes contracts of as many routes as are asked for. Not for asking anything of them.

Ten methods make a service, and each service has a path of its own. All take and answer what `GetCluster` of the model
API does, whose messages they use, and their names begin like it, so that the backend knows what to answer."""

ACCOUNT = "7f3c1f0e-52a9-4d8b-9c61-000000000020"
CLUSTER = "1d0e2c3b-4a59-4867-9a7b-8c9d0e1f2a3b"
SERVICES_OF_A_FILE = 50
# How a request's path goes on behind that of its service and account.
METHODS = [
    ("get", "clusters/{cluster_id}"),
    ("put", "clusters/{cluster_id}"),
    ("delete", "clusters/{cluster_id}"),
    ("post", "clusters/{cluster_id}"),
    ("get", "clusters/{cluster_id}:health"),
    ("post", "clusters/{cluster_id}:restart"),
    ("get", "clusters/{cluster_id}/nodes"),
    ("get", "clusters/{cluster_id}/nodes/first"),
    ("get", "clusters"),
    ("get", "backups/of/{cluster_id}"),
]
# The package of all that is written.
SERVICES = ["scale.routes.*"]


def write(folder, count):
    """Fills a folder with `.proto` files of `count` routes, a multiple of ten."""
    folder.mkdir()
    services = [service(number) for number in range(count // len(METHODS))]
    for first in range(0, len(services), SERVICES_OF_A_FILE):
        text = "\n".join([HEAD, *services[first:first + SERVICES_OF_A_FILE]])
        (folder / f"routes{first // SERVICES_OF_A_FILE}.proto").write_text(text)


HEAD = """syntax = "proto3";
package scale.routes;
import "google/api/annotations.proto";
import "qdrant/cloud/cluster/v1/cluster.proto";
"""


def service(number):
    methods = [
        f"  rpc GetCluster{index}(qdrant.cloud.cluster.v1.GetClusterRequest)\n"
        "      returns (qdrant.cloud.cluster.v1.GetClusterResponse) {\n"
        f'    option (google.api.http) = {{{verb}: "{prefix(number)}/{{account_id}}/{path}"}};\n'
        "  }\n"
        for index, (verb, path) in enumerate(METHODS)
    ]
    return f"service Area{number} {{\n{''.join(methods)}}}\n"


def prefix(number):
    return f"/api/area{number}/v1/accounts"


def requests(count):
    """One request for each of the ten methods, those of services that lie as far apart as they can."""
    services = count // len(METHODS)
    found = []
    for index, (verb, path) in enumerate(METHODS):
        of = index * (services - 1) // (len(METHODS) - 1)
        found.append((verb.upper(), f"{prefix(of)}/{ACCOUNT}/{path.format(cluster_id=CLUSTER)}"))
    return found
