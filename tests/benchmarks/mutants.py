"""Change the code in small ways, one at a time, and see which changes no test notices.

``python -m tests.benchmarks.mutants --seed 1 --count 400`` samples mutants of the folders below in a copy of the
repository, runs for each one the tests that cover its line, and prints whether they killed it.  The coverage is
measured once, and kept where ``--map`` says.  A mutant that does not end is ended, and counts as killed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import functools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coverage import CoverageData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "actions/lifecycle",
    "connector/engine",
    "connector/request",
    "connector/response",
    "connector/stores",
    "connector/secrets",
)
LIMITED = ("sh", "-c", 'ulimit -v 8388608; exec "$@"', "sh")
"""What runs a command with 8 GiB of memory, for a mutant may collect for ever."""


# Mutants


class Mutant(NamedTuple):
    """One change of one file."""

    file: str
    line: int
    operator: str
    start: int
    """Offset of the first byte that is replaced."""
    end: int
    text: str

    def apply(self, source: bytes) -> bytes:
        """*Source* with the change."""
        return source[: self.start] + self.text.encode() + source[self.end :]


COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
}
NEGATED = "negate the condition"
REMOVED = (ast.AugAssign, ast.Raise, ast.Break, ast.Continue, ast.Delete)

Changes = Iterator[tuple[str, ast.AST]]
"""Operators, each with what it makes of a node."""


def changes(node: ast.AST) -> Changes:
    """Each operator that fits *node*, with what it makes of the node."""
    yield from expression_changes(node)
    yield from constant_changes(node)
    yield from statement_changes(node)


def expression_changes(node: ast.AST) -> Changes:
    """Other operators, and calls with one argument less."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            for index, kind in enumerate(ops):
                swapped = [*ops[:index], COMPARISONS[type(kind)](), *ops[index + 1 :]]
                yield "swap the comparison", ast.Compare(left, swapped, others)
        case ast.BoolOp(op=kind, values=values):
            yield "swap and/or", ast.BoolOp(ast.Or() if isinstance(kind, ast.And) else ast.And(), values)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC:
            yield "swap the arithmetic", ast.BinOp(left, ARITHMETIC[type(operator)](), right)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "remove not", operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "negate the condition", ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Call(func=func, args=args, keywords=keywords):
            for index, keyword in enumerate(keywords):
                if keyword.arg is not None:
                    rest = [*keywords[:index], *keywords[index + 1 :]]
                    yield f"remove the argument {keyword.arg}", ast.Call(func, args, rest)


def constant_changes(node: ast.AST) -> Changes:
    """Other constants."""
    match node:
        case ast.Constant(value=bool(truth)):
            yield "change the constant", ast.Constant(not truth)
        case ast.Constant(value=int(number)):
            yield "change the constant", ast.Constant(number + 1)
        case ast.Constant(value=str(text)):
            yield "change the constant", ast.Constant(f"{text}X")


def statement_changes(node: ast.AST) -> Changes:
    """Statements that are not there, that return nothing, or whose condition is the other way round."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Await() | ast.Yield()):
            yield "remove the call", ast.Pass()
        case ast.Return(value=None):
            yield "remove the early return", ast.Pass()
        case ast.Return(value=value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "return None", ast.Return(ast.Constant(None))
        case ast.If() | ast.While():
            yield NEGATED, ast.UnaryOp(ast.Not(), node.test)
            if not node.orelse and isinstance(node.body[-1], ast.Return | ast.Raise):
                yield "remove the early return", ast.Pass()
    if isinstance(node, REMOVED):
        yield "remove the statement", ast.Pass()


def visited(node: ast.AST) -> Iterator[ast.AST]:
    """*Node* and the nodes below it that run: no annotations, no docstrings, no parts of f-strings."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Import | ast.ImportFrom):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.JoinedStr | ast.FormattedValue | ast.MatchValue | ast.MatchSingleton):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Constant) and isinstance(child.value, str) and isinstance(node, ast.Call):
                continue  # mostly words for people
            yield from visited(child)


def mutants(file: str, source: str) -> list[Mutant]:
    """All mutants of the file that can be compiled."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    made: list[Mutant] = []
    for node in visited(ast.parse(source)):
        for operator, changed in changes(node):
            assert isinstance(node, ast.expr | ast.stmt)
            start, end = _span(node, starts)
            if operator == NEGATED and isinstance(node, ast.If | ast.While):
                start, end = _span(node.test, starts)  # its body keeps its lines
            text = ast.unparse(ast.fix_missing_locations(changed))
            if isinstance(changed, ast.expr) and not isinstance(changed, ast.Constant | ast.Call):
                text = f"({text})"
            mutant = Mutant(file, node.lineno, operator, start, end, text)
            with contextlib.suppress(SyntaxError):
                compile(mutant.apply(source.encode()), file, "exec")
                made.append(mutant)
    return made


def _span(node: ast.expr | ast.stmt, starts: list[int]) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


def diff(source: bytes, mutant: Mutant) -> list[str]:
    """The lines that the mutant changes, old ones with a minus and new ones with a plus."""
    lines = difflib.unified_diff(
        source.decode().splitlines(), mutant.apply(source).decode().splitlines(), lineterm="", n=0
    )
    return [line for line in lines if re.match(r"[-+](?![-+])", line)]


# The copy


@dataclass
class Copy:
    """A copy of the repository, whose package is imported from it and from nowhere else."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Copy:
        """Copy what Git knows into *folder*, with the package under its installed name."""
        tree = folder / "tree"
        listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        package = folder / "site" / "locoia_pat"
        package.mkdir(parents=True)
        for path in (tree / "connector").iterdir():
            (package / path.name).symlink_to(path)
        for name in ("actions", "specs"):
            (package / name).symlink_to(tree / name)
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        return cls(folder)

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def pytest(self, arguments: Sequence[str], *, seconds: float, **variables: str) -> tuple[int | None, str]:
        """Run pytest, and end whatever it leaves; its exit code, None if it did not end in time, and its output."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")} | {
            "PYTHONPATH": str(self.folder / "site"),
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "QUICK": "1",
            **variables,
        }
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                [*isolation(), *LIMITED, sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=line", *arguments],
                cwd=self.tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.seek(0)
            text = output.read()
        for left in (self.folder / "tmp").iterdir():
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()
        return code, text


@functools.cache
def isolation() -> tuple[str, ...]:
    """What runs a command with loopback as its only network, where the machine can; a mutant may call anybody."""
    words = ("unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
            return words
    print("the network cannot be closed on this machine: pytest's own block must do", file=sys.stderr)
    return ()


# Which tests cover which lines


class Covered(NamedTuple):
    """For each file and line the tests that run it."""

    tests: list[str]
    lines: dict[str, dict[str, list[int]]]

    @classmethod
    def measure(cls, where: Copy, tests: Sequence[str], workers: int) -> Covered:
        """Run *tests* once, with the coverage of each."""
        data = where.folder / "coverage"
        arguments = ["--cov", "--cov-context=test", "--cov-report=", "-n", str(workers), *tests]
        code, output = where.pytest(arguments, seconds=6 * 3600, COVERAGE_FILE=str(data))
        print(output.strip().splitlines()[-1])
        if code not in (0, 1):
            raise SystemExit(output)
        failed = where.tree / ".pytest_cache/v/cache/lastfailed"
        bad = set(json.loads(failed.read_text())) if failed.exists() else set()
        found = CoverageData(str(data))
        found.read()
        numbers: dict[str, int] = {}
        lines: dict[str, dict[str, list[int]]] = {}
        for path in found.measured_files():
            file = str(Path(path).resolve().relative_to(where.tree.resolve()))
            lines[file] = {}
            for line, contexts in found.contexts_by_lineno(path).items():
                names = sorted({context.rpartition("|")[0] for context in contexts} - {""} - bad)
                lines[file][str(line)] = [numbers.setdefault(name, len(numbers)) for name in names]
        return cls(list(numbers), lines)

    def sizes(self) -> Counter[int]:
        """How many lines each test runs."""
        return Counter(number for lines in self.lines.values() for tests in lines.values() for number in tests)

    def of(self, mutant: Mutant, most: int, sizes: Mapping[int, int]) -> tuple[list[str], int]:
        """The tests for a mutant, at most so many, and how many there are.

        Those of its own room come first, and among these the ones that run the fewest lines: they look at it closely.
        Where no test runs the line by itself, as on import or in another process, these are all that run the file.
        """
        lines = self.lines.get(mutant.file, {})
        numbers = set(lines.get(str(mutant.line), ())) or {number for tests in lines.values() for number in tests}
        room = Path(mutant.file).parts[1]
        order = sorted(numbers, key=lambda number: (f"/{room}/" not in self.tests[number], sizes[number]))
        return [self.tests[number] for number in order[:most]], len(order)


# One after the other


def judged(where: Copy, mutant: Mutant, tests: list[str], *, seconds: float, stamp: int) -> str:
    """How the tests end for the mutant: killed, killed by time, or survived."""
    path = where.tree / mutant.file
    before, times = path.read_bytes(), path.stat()
    chosen = where.folder / "tests.txt"
    chosen.write_text("\n".join(tests))
    try:
        path.write_bytes(mutant.apply(before))
        os.utime(path, (stamp, stamp))  # else bytecode of the same second and size counts as its own
        code, output = where.pytest(["-x", "-p", "no:cacheprovider", f"@{chosen}"], seconds=seconds)
    finally:
        path.write_bytes(before)
        os.utime(path, (times.st_atime, times.st_mtime))
    if code is None:
        return "killed by time"
    if code in (0, 5):
        return "survived"
    if code == 4 and "not found" in output:
        raise SystemExit(output)
    return "killed"


def files(folders: Iterable[str], tree: Path) -> Iterator[str]:
    """The modules in *folders*."""
    for folder in folders:
        for path in sorted((tree / folder).rglob("*.py")):
            yield str(path.relative_to(tree))


def candidates(folders: Iterable[str], tree: Path) -> list[Mutant]:
    """Every mutant of the modules in *folders*."""
    return [mutant for file in files(folders, tree) for mutant in mutants(file, (tree / file).read_text())]


def report(results: Mapping[Mutant, str], show: Callable[[Mutant, str], None]) -> None:
    """Print the numbers, and once more what survived."""
    counts = Counter(results.values())
    print(f"\n{len(results)} mutants: " + ", ".join(f"{count} {result}" for result, count in sorted(counts.items())))
    for mutant, result in results.items():
        if result in ("survived", "not covered"):
            show(mutant, result)


def main() -> None:
    """Sample, run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--folders", nargs="+", default=list(FOLDERS), metavar="FOLDER")
    parser.add_argument("--tests", nargs="+", default=["tests"], metavar="PATH", help="those that may kill a mutant")
    parser.add_argument("--most", type=int, default=300, help="tests that are run for one mutant")
    parser.add_argument("--timeout", type=float, default=180, help="seconds that one mutant may take")
    parser.add_argument("--workers", type=int, default=2, help="processes at the same time")
    parser.add_argument("--map", type=Path, help="a file that keeps which tests cover which lines")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        where = Copy.make(Path(folder))
        if given.map and given.map.exists():
            covered = Covered(*json.loads(given.map.read_text()))
        else:
            covered = Covered.measure(where, given.tests, given.workers)
            if given.map:
                given.map.write_text(json.dumps(covered))
        everything = candidates(given.folders, where.tree)
        chosen = random.Random(given.seed).sample(everything, min(given.count, len(everything)))  # noqa: S311  # no secret
        print(f"seed {given.seed}: {len(chosen)} of {len(everything)} mutants")

        def show(mutant: Mutant, result: str) -> None:
            print(f"{result:14}  {mutant.file}:{mutant.line}  {mutant.operator}")
            print("\n".join(diff((where.tree / mutant.file).read_bytes(), mutant)), flush=True)

        sizes = covered.sizes()
        copies = [Copy.make(Path(folder) / f"copy-{number}") for number in range(given.workers)]

        def judge(number: int, mutant: Mutant) -> tuple[int, int, str, float]:
            tests, all_tests = covered.of(mutant, given.most, sizes)
            began, copy = time.monotonic(), copies.pop()
            try:
                stamp = 10**9 + number
                result = judged(copy, mutant, tests, seconds=given.timeout, stamp=stamp) if tests else "not covered"
            finally:
                copies.append(copy)
            return len(tests), all_tests, result, time.monotonic() - began

        results: dict[Mutant, str] = {}
        with ThreadPoolExecutor(given.workers) as pool:
            pending = {pool.submit(judge, number, mutant): mutant for number, mutant in enumerate(chosen, 1)}
            for done, future in enumerate(as_completed(pending), 1):
                tests, all_tests, result, took = future.result()
                results[pending[future]] = result
                print(f"\n[{done}/{len(chosen)}] {tests} of {all_tests} tests, {took:.0f} s")
                show(pending[future], result)
        report(results, show)


if __name__ == "__main__":
    main()
