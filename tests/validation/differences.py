"""Where transom and protovalidate differ on purpose: a name from the README and what the difference looks like."""

def not_text(type_name, difference, made):
    """Theirs gives no answer at all to a pattern over bytes that are not UTF-8."""
    return difference == (None, None) and type_name == "rules.v1.Byteses" and not is_text(made.pattern)


def beyond_the_calendar(type_name, difference, made):
    """Ours gives no answer to CEL over a timestamp outside of the years 1 to 9999, which JSON cannot say either."""
    if type_name != "rules.v1.Expressions" or len(difference) != 2 or difference[0] is None:
        return False
    return any(not -62135596800 <= time.seconds <= 253402300799 for time in (getattr(made, "from"), made.until))


def is_text(content):
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


ALL = {
    "a pattern over bytes that are not UTF-8": not_text,
    "CEL over a timestamp beyond the calendar": beyond_the_calendar,
}


def check(readme):
    for name in ALL:
        if f"| {name} |" not in readme:
            raise SystemExit(f"README.md does not list the difference `{name}`")
