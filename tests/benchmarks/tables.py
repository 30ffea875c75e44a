"""What is measured: each function gives one table, and what it has to reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .measure import ALL, BARE, CDK, HERE, OURS, ROOT, Took, api, fresh, warm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .measure import Environments

CREDENTIAL = {"LOCOIA_TOKEN": "fake_credential_0123456789abcdef"}
TIMES = 300
"""Requests in a row, of a warm contender."""
MANY = 1000
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


def requests(envs: Environments, rounds: int) -> Iterator[Table]:
    """One action, warm."""
    with api() as url:
        for work, title in (("create", "create_pat"), ("read", "list_pats")):
            took, bodies = warm(envs, url, [(one, {"do": work, "times": TIMES}) for one in ALL], rounds)
            if any(body != bodies[0] for body in bodies):
                raise RuntimeError(f"the contenders sent different bodies: {bodies}")
            rows = {one.name: found.each(TIMES) for one, found in zip(ALL, took, strict=True)}
            table = Table(f"One {title}, warm", "us", rows, BARE.name)
            table.reach(OURS.name, 1.15, f"{title}, warm")
            over = (rows[OURS.name].cpu - rows[BARE.name].cpu) * 1e6
            table.targets.append(Target(f"{title}, warm, us of processor on top", over, 60))
            yield table


def templates(envs: Environments, rounds: int) -> Iterator[Table]:
    """A body of three templates."""
    both = (OURS, CDK)
    with api() as url:
        took, _ = warm(envs, url, [(one, {"do": "render", "times": MANY}) for one in both], rounds)
    rows = {one.name: found.each(MANY) for one, found in zip(both, took, strict=True)}
    yield Table("The body of create_pat from its templates", "us", rows, OURS.name)


def cold(envs: Environments, rounds: int) -> Iterator[Table]:
    """One action in a fresh process, and what of it is the import."""
    with api() as url:
        scripts = [[envs.python(one), str(HERE / "contenders" / f"{one.script}.py"), url, "create"] for one in ALL]
        command = [str(envs.bin(OURS) / "locoia-pat"), "run", "list_pats"]
        env = {**CREDENTIAL, "LOCOIA_BASE_URL": url}
        took = fresh([*scripts, command], rounds, env)
    rows = {one.name: found for one, found in zip(ALL, took, strict=False)} | {"locoia-pat run": took[-1]}
    table = Table("One action in a fresh process", "ms", rows, BARE.name, "A TLS context is made by all.")
    table.reach("locoia-pat run", 1.8, "an action by the command, cold")
    table.reach(OURS.name, 1.8, "an action from Python, cold")
    yield table
    took = fresh([[envs.python(one), "-c", one.module] for one in ALL], rounds)
    yield Table(
        "Import alone", "ms", {one.name: found for one, found in zip(ALL, took, strict=True)}, BARE.name,
        "Ours imports httpx when the first request is sent.",
    )  # fmt: skip


def commands(envs: Environments, rounds: int) -> Iterator[Table]:
    """The command, by what it has to load."""
    program = str(envs.bin(OURS) / "locoia-pat")
    quick = {word: [program, word] for word in ("--help", "--version", "actions", "scopes")}
    took = dict(zip(quick, fresh(list(quick.values()), rounds), strict=True))
    table = Table("Commands that load no more than they need", "ms", took, "--version")
    table.targets += [Target(f"{word}, ms", one.median * 1000, 100) for word, one in took.items()]
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
    for word in ("show", "plan", "check"):
        table.reach(word, 1.3, word)
    yield table


def lists(envs: Environments, rounds: int) -> Iterator[Table]:
    """A long list."""
    with api(ROWS) as url:
        took, _ = warm(envs, url, [(one, {"do": "read", "times": 1}) for one in ALL], rounds)
    rows = {one.name: found for one, found in zip(ALL, took, strict=True)}
    note = "Ours reads each row into its declared outputs, with dates; the others parse JSON."
    yield Table(f"A list of {ROWS:,} tokens", "ms", rows, BARE.name, note)


def bulk(envs: Environments, rounds: int) -> Iterator[Table]:
    """A thousand at once."""
    with api() as url:
        for width in WIDTHS:
            works = {
                "httpx in threads, read": (BARE, "reads"),
                "locoia-pat, read": (OURS, "reads"),
                "httpx in threads, create, token thrown away": (BARE, "creates"),
                "httpx in threads, create, token in a file": (BARE, "kept"),
                "locoia-pat, create, journal and file": (OURS, "kept"),
            }
            orders = [(one, {"do": do, "times": MANY, "width": width}) for one, do in works.values()]
            took, _ = warm(envs, url, orders, rounds)
            rows = dict(zip(works, (found.each(MANY) for found in took), strict=True))
            table = Table(f"{MANY:,} items, {width} wide, for each", "us", rows, "httpx in threads, read")
            if width == 20:
                table.reach("locoia-pat, read", 1.15, "1,000 reads, 20 wide")
                kept = "httpx in threads, create, token in a file"
                over = rows["locoia-pat, create, journal and file"].median / rows[kept].median
                table.targets.append(Target(f"1,000 journalled creates, 20 wide, over {kept}", over, 1.7))
            yield table


def growth(envs: Environments, most: int) -> Iterator[Table]:
    """What an item costs where there are many, each number in a process of its own."""
    rows: dict[str, Took] = {}
    with api() as url:
        for items in [size for size in (1_000, 10_000, 100_000) if size <= most]:
            for do in ("reads", "kept"):
                (took,), _ = warm(envs, url, [(OURS, {"do": do, "times": items, "width": 20})], 1)
                rows[f"{items:,} {'reads' if do == 'reads' else 'journalled creates'}"] = took.each(items)
    first, last = list(rows.values())[:2], list(rows.values())[-2:]
    table = Table("What an item costs, 20 wide", "us", rows, "1,000 reads", "Memory is the most of its process.")
    for work, few, many in zip(("read", "journalled create"), first, last, strict=True):
        table.targets.append(
            Target(f"cost of a {work} among {most:,}, over one among 1,000", many.median / few.median, 1.1)
        )
        table.targets.append(Target(f"memory of {most:,} {work}s on top of 1,000, MB", many.peak - few.peak, 50))
    yield table


TABLES = {
    "requests": requests,
    "templates": templates,
    "cold": cold,
    "commands": commands,
    "lists": lists,
    "bulk": bulk,
}
