"""What is measured: each function gives one table, and what it has to reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks.api import api
from tests.benchmarks.fleet_folder import write_fleet
from tests.benchmarks.measure import ALL, BARE, CDK, HERE, OURS, ROOT, SERVER, Took, fresh, warm

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.measure import Environments

CREDENTIAL = {"LOCOIA_TOKEN": "fake_credential_0123456789abcdef"}
TIMES = 300
"""Requests in a row, of a warm contender."""
MANY = 1000
CREDENTIALS = 20
"""Of a fleet."""
WIDTHS = (1, 5, 20, 50)
ROWS = 10_000


class Target(NamedTuple):
    """What is to be reached."""

    what: str
    value: float
    limit: float

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.value <= self.limit


@dataclass
class Table:
    """One table: a row for each contender, in one unit."""

    title: str
    unit: str
    rows: dict[str, Took]
    base: str
    """The row that the others are compared with."""
    note: str = ""
    targets: list[Target] = field(default_factory=list)

    def ratio(self, row: str) -> float:
        """How many times the base a row takes, by the medians."""
        return self.rows[row].median / self.rows[self.base].median

    def reach(self, row: str, limit: float, what: str) -> None:
        """*Row* is to take at most *limit* times the base."""
        self.targets.append(Target(f"{what}, over {self.base}", self.ratio(row), limit))


def same(sent: Sequence[Counter[str]], times: int) -> None:
    """See that all contenders sent the same, each so many *times* in all.

    Raises:
        RuntimeError: they did not, so that nothing can be compared.
    """
    for found in sent:
        if found != sent[0] or found.total() != times:
            first, other = (dict(counted.most_common(3)) for counted in (sent[0], found))
            raise RuntimeError(f"{times} requests were to be sent by all, but {first} and {other} came")


def requests(envs: Environments, rounds: int) -> Iterator[Table]:
    """One action, warm."""
    with api() as server:
        for work, title in (("create", "create_pat"), ("read", "list_pats")):
            took, sent = warm(envs, server, [(one, {"do": work, "times": TIMES}) for one in ALL], rounds)
            same(sent, rounds * TIMES)
            rows = {one.name: found.each(TIMES) for one, found in zip(ALL, took, strict=True)}
            table = Table(f"One {title}, warm", "us", rows, BARE.name, _WHOLE if work == "create" else "")
            table.reach(OURS.name, 1.05, f"{title}, warm")
            over = (rows[OURS.name].cpu - rows[BARE.name].cpu) * 1e6
            table.targets.append(Target(f"{title}, warm, us of processor on top", over, 60))
            yield table


_WHOLE = "Ours and Airbyte's CDK make the body of templates; the others are given it whole."


def templates(envs: Environments, rounds: int) -> Iterator[Table]:
    """A body of three templates."""
    both = (OURS, CDK)
    with api() as server:
        took, _ = warm(envs, server, [(one, {"do": "render", "times": MANY}) for one in both], rounds)
    rows = {one.name: found.each(MANY) for one, found in zip(both, took, strict=True)}
    yield Table("The body of create_pat from its templates", "us", rows, OURS.name)


def cold(envs: Environments, rounds: int) -> Iterator[Table]:
    """One action in a fresh process, over https, and what of it is the import."""
    note = "Over https: each reads the certificates that it trusts, and shakes hands."
    with TemporaryDirectory() as folder, api(python=envs.python(SERVER), folder=Path(folder)) as server:
        command = [str(envs.bin(OURS) / "locoia-pat"), "run", "list_pats"]
        env = {**CREDENTIAL, **server.trusting, "LOCOIA_BASE_URL": server.url}
        for work, title, more in (("create", "create_pat", {}), ("read", "list_pats", {"locoia-pat run": command})):
            scripts = {one.name: [envs.python(one), _script(one.script), server.url, work] for one in ALL}
            took = fresh(list((scripts | more).values()), rounds, env)
            same([server.sent()], len(took) * (rounds + 1))
            table = Table(
                f"One {title} in a fresh process", "ms", dict(zip(scripts | more, took, strict=True)), BARE.name, note
            )
            table.reach(OURS.name, 1.35, f"{title} from Python, cold")
            for name in more:
                table.reach(name, 1.2, f"{title} by the command, cold")
            yield table
    scripts = {one.name: [envs.python(one), "-c", one.module] for one in ALL}
    scripts[_CHECKED] = [envs.python(OURS), "-c", _CHECK]
    rows = dict(zip(scripts, fresh(list(scripts.values()), rounds), strict=True))
    note = "Ours imports httpx when the first request is sent."
    table = Table("Import alone", "ms", rows, BARE.name, note)
    table.reach(_CHECKED, 1.25, "import and one action's inputs checked")
    yield table


_CHECKED = "locoia-pat, and one action's inputs checked"
_CHECK = """
from locoia_pat import Connector, ConnectorAuth, Secret
auth = ConnectorAuth(Secret("fake_credential_0123456789abcdef"))
Connector(auth).prepare("create_pat", {"expiration": 30, "scopes": ["embed"], "note": "CI"})
"""


def _script(name: str) -> str:
    return str(HERE / "contenders" / f"{name}.py")


def commands(envs: Environments, rounds: int) -> Iterator[Table]:
    """The command, by what it has to load."""
    program = str(envs.bin(OURS) / "locoia-pat")
    quick = {word: [program, word] for word in ("--help", "--version", "actions", "scopes")}
    quick["token"] = [program, "token", "env:LOCOIA_TOKEN"]
    quick["exec"] = [program, "exec", "env:LOCOIA_TOKEN", "--", "true"]
    took = dict(zip(quick, fresh(list(quick.values()), rounds, CREDENTIAL), strict=True))
    table = Table("Commands that load no more than they need", "ms", took, "--version")
    table.targets += [Target(f"{word}, ms", one.median * 1000, 100) for word, one in took.items()]
    for word in ("token", "exec"):
        table.reach(word, 1.3, word)
    yield table
    base = [envs.python(OURS), "-c", "import yaml, jinja2\nfrom pydantic import BaseModel"]
    least = [envs.python(OURS), "-c", f"{base[2]}\nclass Model(BaseModel):\n    x: int"]
    wishes = ["scopes=embed", "expiration=30", "note=CI"]
    works = {
        "import of yaml, jinja2 and BaseModel": base,
        "the same, and one model of one field": least,
        "show": [program, "show", "create_pat"],
        "plan": [program, "plan", "create_pat", *wishes],
        "check": [program, "check", str(ROOT / "specs" / "create_pat.yaml")],
    }
    took = dict(zip(works, fresh(list(works.values()), rounds), strict=True))
    table = Table("Commands that read specs", "ms", took, next(iter(works)))
    for word, limit in (("show", 0.6), ("plan", 0.6), ("check", 1.25)):
        table.reach(word, limit, word)
    yield table


def lists(envs: Environments, rounds: int) -> Iterator[Table]:
    """A long list."""
    with api(ROWS) as server:
        took, sent = warm(envs, server, [(one, {"do": "read", "times": 1}) for one in ALL], rounds)
    same(sent, rounds)
    rows = {one.name: found for one, found in zip(ALL, took, strict=True)}
    note = (
        "Ours reads each row into its declared outputs, with dates; Singer makes each a record; the others parse JSON."
    )
    table = Table(f"A list of {ROWS:,} tokens", "ms", rows, BARE.name, note)
    table.reach(OURS.name, 2.5, f"a list of {ROWS:,} tokens")
    yield table


_READS = {
    "httpx in threads, read": (BARE, "reads"),
    "httpx in threads, a client for each, read": (BARE, "reads_by_own"),
    "locoia-pat, read": (OURS, "reads"),
}
_FORGOTTEN = "httpx in threads, create, token thrown away"
_KEPT = "httpx in threads, create, token in a file"
_JOURNALLED = "locoia-pat, create, token in a file, journal"
_CREATES = {
    _FORGOTTEN: (BARE, "creates"),
    _KEPT: (BARE, "kept"),
    "locoia-pat, create, token in a file": (OURS, "stored"),
    _JOURNALLED: (OURS, "kept"),
}


def bulk(envs: Environments, rounds: int) -> Iterator[Table]:
    """A thousand at once."""
    with api() as server:
        for width in WIDTHS:
            rows: dict[str, Took] = {}
            for works in (_READS, _CREATES):
                orders = [(one, {"do": do, "times": MANY, "width": width}) for one, do in works.values()]
                took, sent = warm(envs, server, orders, rounds)
                same(sent, rounds * MANY)
                rows |= zip(works, (found.each(MANY) for found in took), strict=True)
            table = Table(f"{MANY:,} items, {width} wide, for each", "us", rows, next(iter(_READS)))
            if width == 20:
                table.reach("locoia-pat, read", 1.15, "1,000 reads, 20 wide")
                for base, limit in ((_KEPT, 1.1), (_FORGOTTEN, 2.0)):
                    over = rows[_JOURNALLED].median / rows[base].median
                    table.targets.append(Target(f"1,000 journalled creates, 20 wide, over {base}", over, limit))
            yield table


def fleet(envs: Environments, rounds: int) -> Iterator[Table]:
    """A fleet with nothing due, in a fresh process."""
    with TemporaryDirectory() as folder, api(Path(folder, "lists.json")) as server:
        write_fleet(Path(folder), server.url, MANY, CREDENTIALS)
        program = str(envs.bin(OURS) / "locoia-pat")
        lists = [envs.python(BARE), _script("lists"), server.url, f"{folder}/credentials"]
        works = {f"{CREDENTIALS} lists by httpx": lists}
        works |= {f"fleet {word}": [program, "fleet", word, f"{folder}/fleet.yaml"] for word in _FLEET}
        env = {**CREDENTIAL, "LOCOIA_BASE_URL": server.url, "LOCOIA_PAT_STATE": f"{folder}/state"}
        took = fresh(list(works.values()), rounds, env)
        if (sent := server.sent().total()) != CREDENTIALS * len(took) * (rounds + 1):
            raise RuntimeError(f"each was to read {CREDENTIALS} lists, but {sent} requests came in all")
    rows = dict(zip(works, took, strict=True))
    table = Table(f"A fleet of {MANY:,} names with nothing due, in a fresh process", "ms", rows, next(iter(works)))
    for word in _FLEET:
        table.reach(f"fleet {word}", 3.0, f"fleet {word} of {MANY:,} names")
    yield table


_FLEET = ("plan", "status", "apply")


def growth(envs: Environments, most: int) -> Iterator[Table]:
    """What an item costs where there are many, each number in a process of its own."""
    rows: dict[str, Took] = {}
    sizes = [size for size in (1_000, 10_000, 100_000) if size <= most]
    with api() as server:
        for items in sizes:
            for do, work in _MANY.items():
                (took,), sent = warm(envs, server, [(OURS, {"do": do, "times": items, "width": 20})], 1)
                same(sent, items)
                rows[f"{items:,} {work}s"] = took.each(items)
    table = Table("What an item costs, 20 wide", "us", rows, "1,000 reads", "Memory is the most of its process.")
    for work in _MANY.values():
        few, many = (rows[f"{items:,} {work}s"] for items in (sizes[0], sizes[-1]))
        ratio = many.median / few.median
        table.targets.append(Target(f"cost of a {work} among {sizes[-1]:,}, over one among 1,000", ratio, 1.1))
        table.targets.append(Target(f"memory of {sizes[-1]:,} {work}s on top of 1,000, MB", many.peak - few.peak, 50))
    yield table


def memory(envs: Environments, lines: int) -> Iterator[Table]:
    """The peak memory of a journalled run of so many lines, in a process of its own, and of one of 1,000."""
    rows: dict[str, Took] = {}
    with api() as server:
        for items in (1_000, lines):
            (took,), (sent,) = warm(envs, server, [(OURS, {"do": "lines", "times": items, "width": 20})], 1)
            if sent.total() != items:
                raise RuntimeError(f"{items} requests were to be sent, and {sent.total()} came")
            rows[f"{items:,} journalled lines"] = took.each(items)
    few, many = rows.values()
    table = Table(
        f"Memory of {lines:,} lines, 20 wide", "us", rows, next(iter(rows)), "Memory is the most of its process."
    )
    what = f"peak memory of {lines:,} journalled lines on top of 1,000, MB"
    table.targets.append(Target(what, many.peak - few.peak, 40))
    yield table


_MANY = {"reads": "read", "kept": "journalled create"}

TABLES = {
    "requests": requests,
    "templates": templates,
    "cold": cold,
    "commands": commands,
    "lists": lists,
    "bulk": bulk,
    "fleet": fleet,
}
