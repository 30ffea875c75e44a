#!/bin/sh
# freezegun does not freeze the time in PyGithub, python-gitlab or a module named gitlab_tokens: their names begin with "gi".
#
# Versions: freezegun 1.5.5, PyGithub 2.10.0; time-machine 3.6.0 beside it.
# Behaviour: freezegun leaves out a list of modules, and "gi" (GNOME's bindings) and "queue" are on it. An entry is not the name
#   of a package but the beginning of a name, so it holds for git, github, gitlab and gidgethub, and for each module of one's own
#   that begins like that. There, datetime.now() and time.time() tell the real time, without a warning. The test "an expired token
#   is refreshed" moves the clock past the expiry, PyGithub sends the old token, and the test of the opposite passes for ever.
# Source: the program below; DEFAULT_IGNORE_LIST in freezegun/config.py, and startswith in _should_use_real_time in freezegun/api.py.
# Seen:
#   freezegun, the year in a module: gitlab_tokens real, queue_tokens real, jira_tokens 2031
#   freezegun, 1 hour after the expiry: PyGithub sends the old token
#   time-machine, 1 hour after the expiry: PyGithub refreshes the token
# For us: the engine takes the time as an argument, and tests pass it (connector/engine/action.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet freezegun==1.5.5 PyGithub==2.10.0 time-machine==3.6.0
for name in gitlab jira queue; do
  printf 'from datetime import datetime\n\n\ndef year():\n    return datetime.now().year\n' >"$folder/${name}_tokens.py"
done
cat >"$folder/run.py" <<'PY'
from datetime import datetime, timedelta, timezone
from unittest import mock

import freezegun
import gitlab_tokens
import jira_tokens
import queue_tokens
import time_machine
from github.Auth import AppUserAuth

FUTURE = datetime(2031, 1, 1, tzinfo=timezone.utc)


def token_sent():
    """Give PyGithub a token that has expired an hour before FUTURE, and return the one it sends then."""
    auth = AppUserAuth("id", "secret", "old", expires_at=FUTURE - timedelta(hours=1), refresh_token="refresh")
    with mock.patch.object(AppUserAuth, "_refresh", lambda self: setattr(self, "_token", "new")):
        return auth.token


modules = {"gitlab_tokens": gitlab_tokens, "queue_tokens": queue_tokens, "jira_tokens": jira_tokens}
with freezegun.freeze_time("2031-01-01"):
    years = {name: "2031" if module.year() == 2031 else "real" for name, module in modules.items()}
    by_freezegun = token_sent()
with time_machine.travel(FUTURE, tick=False):
    by_time_machine = token_sent()
what = {"old": "sends the old token", "new": "refreshes the token"}
print("freezegun, the year in a module:", ", ".join(f"{name} {year}" for name, year in years.items()))
print(f"freezegun, 1 hour after the expiry: PyGithub {what[by_freezegun]}")
print(f"time-machine, 1 hour after the expiry: PyGithub {what[by_time_machine]}")
assert years == {"gitlab_tokens": "real", "queue_tokens": "real", "jira_tokens": "2031"}, "the behaviour has changed"
assert (by_freezegun, by_time_machine) == ("old", "new"), "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py"
