"""Where transom and protovalidate differ on purpose: a name from the README and what the difference looks like."""

def not_text(type_name, difference, made):
    """Theirs gives no answer at all to a pattern over bytes that are not UTF-8."""
    return difference == (None, None) and type_name == "rules.v1.Byteses" and not is_text(made.pattern)


def is_text(content):
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


ALL = {"a pattern over bytes that are not UTF-8": not_text}


def check(readme):
    for name in ALL:
        if f"| {name} |" not in readme:
            raise SystemExit(f"README.md does not list the difference `{name}`")
