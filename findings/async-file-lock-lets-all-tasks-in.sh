#!/bin/sh
# filelock's AsyncFileLock does not keep out other tasks: five that share one are in it at the same time.
#
# Versions: filelock 4.3.1.
# Behaviour: one object for one file, in an "async with" around the refresh of a token, reads like asyncio.Lock that also holds between
#   processes. But the lock is re-entrant, and it counts for the object, not for the task: whoever asks while it is held gets it at once.
#   is_singleton=True, which makes one object of all with the same path, does the same to tasks that each ask for a lock of their own.
#   Other processes are kept out all the while, so a test with two processes passes. An object for each task excludes the others.
# Source: the program below; BaseAsyncFileLock.acquire in filelock/asyncio.py locks only if the object is not locked yet.
# Seen (tasks at the same time, of five):
#   one AsyncFileLock: 5; is_singleton=True: 5; an AsyncFileLock for each task: 1; asyncio.Lock: 1
# For us: each run makes a lock of its own, in its worker thread (connector/state/lease.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet filelock==4.3.1
cat >"$folder/run.py" <<'PY'
import asyncio
import sys

from filelock import AsyncFileLock

path = f"{sys.argv[1]}/token.lock"


async def count_together(make_lock):
    """Return how many of five tasks were inside at the same time."""
    inside, most = 0, 0

    async def refresh(lock):
        nonlocal inside, most
        async with lock:
            inside += 1
            most = max(most, inside)
            for _ in range(100):  # the refresh: others get their turn
                await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.wait_for(asyncio.gather(*(refresh(make_lock()) for _ in range(5))), 60)
    return most


async def main():
    shared, plain = AsyncFileLock(path), asyncio.Lock()
    return {
        "one AsyncFileLock": await count_together(lambda: shared),
        "is_singleton=True": await count_together(lambda: AsyncFileLock(f"{path}.2", is_singleton=True)),
        "an AsyncFileLock for each task": await count_together(lambda: AsyncFileLock(path)),
        "asyncio.Lock": await count_together(lambda: plain),
    }


seen = asyncio.run(main())
print("; ".join(f"{name}: {count}" for name, count in seen.items()))
assert list(seen.values()) == [5, 5, 1, 1], "the behaviour has changed"
PY
"$folder/venv/bin/python" "$folder/run.py" "$folder"
