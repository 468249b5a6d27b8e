"""Where transom and protovalidate differ on purpose: a name from the README and what the difference looks like."""

ALL = {}


def check(readme):
    for name in ALL:
        if f"| {name} |" not in readme:
            raise SystemExit(f"README.md does not list the difference `{name}`")
