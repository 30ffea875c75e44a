#!/bin/sh
# Around a generator of pages, tenacity and backoff retry nothing, and stamina yields the first page a second time.
#
# Versions: tenacity 9.2.1, python-backoff 3.0.0, stamina 26.1.0.
# Behaviour: a function that yields the items of a list page by page is decorated like any other; the second page fails once. In
#   tenacity and backoff the decorator sees only the call, which returns a generator and never fails, so the first lost connection
#   ends the list in spite of the three attempts. stamina retries, but begins the generator again: the caller has the items of the
#   first page already and gets them once more, with no error. A loop that revokes, counts or exports does so twice. It is the same
#   for async generators.
# Source: the program below; retry in stamina/_core.py calls the function again in its "yield from".
# Seen:
#   tenacity: ConnectionError after ['a', 'b']
#   backoff: ConnectionError after ['a', 'b']
#   stamina: the end after ['a', 'b', 'a', 'b', 'c', 'd']
# For us: each request of a list is retried by itself, and a list ends whole or with an outcome that says so (docs/spec.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tenacity==9.2.1 python-backoff==3.0.0 stamina==26.1.0
cat >"$folder/run.py" <<'PY'
import backoff
import stamina
import tenacity

PAGES = [["a", "b"], ["c", "d"]]


def list_tokens_of(decorator):
    lost = iter([False, True])  # the second request fails, all others succeed

    @decorator
    def list_tokens():
        for page in PAGES:
            if next(lost, False):
                raise ConnectionError
            yield from page

    taken = []
    try:
        for token in list_tokens():
            taken.append(token)
    except ConnectionError as error:
        return type(error).__name__, taken
    return "the end", taken


decorators = {
    "tenacity": tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_none()),
    "backoff": backoff.on_exception(backoff.constant, ConnectionError, max_tries=3, interval=0, jitter=None),
    "stamina": stamina.retry(on=ConnectionError, attempts=3, wait_initial=0, wait_jitter=0),
}
seen = {name: list_tokens_of(decorator) for name, decorator in decorators.items()}
for name, (end, taken) in seen.items():
    print(f"{name}: {end} after {taken}")
assert seen == {
    "tenacity": ("ConnectionError", ["a", "b"]),
    "backoff": ("ConnectionError", ["a", "b"]),
    "stamina": ("the end", ["a", "b", "a", "b", "c", "d"]),
}, "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
