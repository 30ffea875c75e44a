"""The compiled form of specs: it means what the models mean, and a file of it is read only if it is right."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import resource
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locoia_pat import Connector, ConnectorAuth, InvalidError, Secret
from locoia_pat.authoring.packs.archive import folder_in_memory
from locoia_pat.engine import compiled_specs
from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.engine.compiled_specs import cache_folder, loaded_spec, ready_action, ready_connector, ready_spec
from locoia_pat.engine.spec_compiler import write_own
from locoia_pat.http.exchange_types import Response
from locoia_pat.secrets.secret import revealed
from locoia_pat.spec.compiled_form import CompiledPart, CompiledSpec, from_form, is_super, to_form
from locoia_pat.spec.load import SpecFolder
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
CREDENTIAL = Secret("fake-credential-0123456789abcdef")
ACME = """spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: https://api.acme.example
hosts: [api.acme.example]
env: {token: ACME_TOKEN}
options:
  kinds: {enum: [red, blue], option_notes: {red: It is red.}}
"""
ACT = """spec: 1
action: act
title: Act
summary: Act.
effect: update
inputs:
  name: {title: Name, type: text, required: true, maxLength: 20}
  size: {title: Size, type: number, min: 1, max: 5, step: 1, default: 2}
  kinds: {title: Kinds, type: select, multiple: true, options: kinds}
  more: {title: More, type: json}
  key: {title: Key, type: password}
request:
  method: POST
  path: /acts/{{ name }}
  query: {size: "{{ size }}", kind: "{{ kinds }}"}
  headers: {X-Size: "n{{ size + 1 }}"}
  omit_null: true
  body: {name: "{{ name | upper }}", list: ["{{ size }}", "{{ more }}"], key: "{{ key }}", constant: {a: [1, null]}}
reply:
  ok: [200]
  output:
    id: {type: text}
    at: {type: datetime, nullable: true}
    days: {type: number, days_until: at, nullable: true}
    tags: {type: text, multiple: true, nullable: true}
    rest: {type: nested_object, nullable: true, children: {x: {type: json, nullable: true}}}
  errors: {"404": It is gone.}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of specs, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "connector.yaml").write_text(ACME, encoding="utf-8")
    (specs / "act.yaml").write_text(ACT, encoding="utf-8")
    return specs


def plan(folder: Path, **inputs: Any) -> dict[str, Any]:
    connector = Connector(ConnectorAuth(CREDENTIAL), specs=folder)
    return connector.plan("act", {"name": "x", **inputs}).to_dict()


def same(model: Any, compiled: Any, path: str) -> int:
    """Compare a model with its compiled form, key by key, and return how many values are equal."""
    if isinstance(compiled, CompiledPart):
        keys = set(type(model).model_fields)
        assert keys <= vars(compiled).keys(), path
        return sum(
            same(getattr(model, key), value, f"{path}.{key}")
            for key, value in vars(compiled).items()
            if key != "templates"
        )
    assert type(compiled) is type(model), path
    if isinstance(model, dict):
        assert list(model) == list(compiled), path
        return sum(same(model[key], compiled[key], f"{path}.{key}") for key in model)
    if isinstance(model, list | tuple):
        assert len(model) == len(compiled), path
        return sum(same(*pair, path) for pair in zip(model, compiled, strict=True))
    assert model == compiled, path
    return 1


def test_a_compiled_spec_has_every_value_of_its_model(folder: Path) -> None:
    for specs in (SpecFolder(), SpecFolder(folder)):
        assert isinstance(ready_connector(specs), CompiledSpec)
        assert same(specs.connector, ready_connector(specs), "connector") > 5
        for name in specs.names:
            spec = ready_spec(specs, name)
            assert isinstance(spec, CompiledSpec)
            assert is_super(spec) == is_super(specs.spec(name))
            assert same(specs.spec(name), spec, name) > 20


def test_a_value_that_json_would_change_has_no_compiled_form() -> None:
    with pytest.raises(TypeError, match="not a string"):
        to_form({"a": [{1: "x"}]})
    assert from_form(to_form({"a": ({"part": [1, None]},)})) == {"a": ({"part": [1, None]},)}


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns or raises, as a string."""
    try:
        return repr(call())
    except InvalidError as error:
        return repr(error.problem)


TEXTS = st.text(max_size=8) | st.sampled_from(["red", "blue", "x/y", "..", "2030-05-01", "2030-05-01T00:00:00Z"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(allow_nan=False, width=16) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "at", "x", "tags", "error"]), inner)
    ),
    max_leaves=6,
)


@given(
    inputs=st.fixed_dictionaries(
        {"name": TEXTS | VALUES},
        optional={
            "size": VALUES,
            "kinds": st.lists(TEXTS, max_size=2) | VALUES,
            "more": VALUES,
            "key": st.just(CREDENTIAL),
        },
    ),
    body=st.dictionaries(st.sampled_from(["id", "at", "tags", "rest", "error", "status"]), VALUES),
    status=st.sampled_from([200, 201, 204, 302, 404, 429, 500]),
)
@settings(max_examples=150, deadline=None)
def test_the_compiled_form_means_what_the_models_mean(inputs: dict[str, Any], body: Any, status: int) -> None:
    halves = _halves()
    response = Response(status, {}, Secret(json.dumps(body)))

    def sent(action: CompiledAction) -> Any:
        request = action.request(action.check(inputs), "https://api.acme.example")
        return (
            request.method,
            request.url,
            [(name, revealed(value)) for name, value in request.headers],
            request.content and request.content.reveal(),
        )

    assert len({outcome(partial(sent, half)) for half in halves}) == 1
    valid = halves[0].check({"name": "x"})
    assert len({outcome(partial(half.classify, response, valid, NOW)) for half in halves}) == 1
    assert len({repr(list(half.template_uses())) for half in halves}) == 1


@cache
def _halves() -> tuple[CompiledAction, CompiledAction]:
    """The action of a model, and the one of its compiled form."""
    specs = SpecFolder(folder_in_memory({"connector.yaml": ACME.encode(), "act.yaml": ACT.encode()}, "specs"))
    return CompiledAction(specs.action("act")), CompiledAction(ready_action(specs, "act"))


def test_the_header_of_a_compiled_connector_is_that_of_its_model() -> None:
    specs = SpecFolder()
    assert AuthHeader(ready_connector(specs)).header(CREDENTIAL, None) == AuthHeader(specs.connector).header(
        CREDENTIAL, None
    )


def cached(folder: Path) -> tuple[Path, str]:
    """The file of the compiled action in the cache, after a run, and its key."""
    plan(folder)
    specs = SpecFolder(folder)
    key = compiled_specs.cache_key({file: specs.text(file) for file in ("connector.yaml", "act.yaml")})
    file = cache_folder() / key
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    return file, key


def test_a_compiled_file_that_is_not_right_is_made_anew_and_never_run(folder: Path) -> None:
    expected = plan(folder)
    assert loaded_spec(SpecFolder(folder.parent), "act") is None
    file, key = cached(folder)
    assert loaded_spec(SpecFolder(folder), "act") is not None
    right = file.read_bytes()
    digest, form = right.split(b"\n", 1)
    evil = form.replace(b"/acts/", b"/evil/")
    assert evil != form
    other = file.parent / "other"

    def linked() -> None:
        other.write_bytes(right)
        file.symlink_to(other)

    def writable() -> None:
        file.write_bytes(right)
        file.chmod(0o622)

    def owned_by_another() -> None:
        file.write_bytes(right)
        if os.geteuid() == 0:
            os.chown(file, 4_321, 4_321)

    wrong: dict[str, Callable[[], object]] = {
        "missing": lambda: None,
        "hostile": lambda: file.write_bytes(digest + b"\n" + evil),
        "damaged": lambda: file.write_bytes(right.replace(b"POST", b"GET ")),
        "cut": lambda: file.write_bytes(right[:-1]),
        "empty": lambda: file.write_bytes(b""),
        "no newline": lambda: file.write_bytes(digest),
        "of another key": lambda: file.write_bytes(compiled_specs.digest("0" * 64, form) + b"\n" + form),
        "of an older program": lambda: file.write_bytes(compiled_specs.digest(key, b"{}") + b"\n{}"),
        "of another program": lambda: file.write_bytes(compiled_specs.digest(key, b"[1]") + b"\n[1]"),
        "not JSON": lambda: file.write_bytes(compiled_specs.digest(key, b"{") + b"\n{"),
        "nested deeply": lambda: file.write_bytes(compiled_specs.digest(key, b"[" * 99_999) + b"\n" + b"[" * 99_999),
        "writable by others": writable,
        "a link": linked,
        "of another user": owned_by_another,
        "a pipe": lambda: os.mkfifo(file),
    }
    for name, make in wrong.items():
        file.unlink()
        make()
        assert plan(folder) == expected, name
        assert (file.read_bytes(), file.stat().st_uid, file.is_symlink()) == (right, os.geteuid(), False), name
    file.unlink()
    (file / "x").mkdir(parents=True)  # a folder cannot be replaced, and is not needed
    assert plan(folder) == expected
    assert not [left.name for left in file.parent.iterdir() if left.name.startswith("tmp")]


def test_a_change_of_a_spec_its_connector_or_the_code_takes_effect_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "/acts/x" in plan(folder)["url"]
    text = (folder / "act.yaml").read_text(encoding="utf-8")
    (folder / "act.yaml").write_text(text.replace("/acts/", "/works/"), encoding="utf-8")
    assert "/works/x" in plan(folder)["url"]
    assert plan(folder, kinds=["red"])["url"].endswith("kind=red")
    (folder / "connector.yaml").write_text(
        ACME.replace("red, blue", "rose, blue").replace("red: It is red", "rose: It")
    )
    with pytest.raises(InvalidError, match="not an option"):
        plan(folder, kinds=["red"])
    monkeypatch.setattr(compiled_specs, "describe_maker", lambda: b"another version")
    before = set(cache_folder().iterdir())
    plan(folder)
    assert len(set(cache_folder().iterdir()) - before) == 2


def test_a_form_that_another_version_of_a_library_made_is_compiled_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        compiled_specs, "describe_maker", compiled_specs.describe_maker.__wrapped__
    )  # each plan is a new process

    def planned() -> set[Path]:
        """Plan, and return the files that are new in the cache."""
        before = set(cache_folder().iterdir())
        assert "/acts/x" in plan(folder)["url"]
        return set(cache_folder().iterdir()) - before

    plan(folder)
    assert not planned()
    for package, metadata in (
        ("jinja2", "jinja2-3.1.0.dist-info"),
        ("pydantic", "Pydantic-2.10.2.dist-info"),
        ("pydantic_core", "pydantic_core-2.27.1.dist-info"),
        ("yaml", "PyYAML-6.0.egg-info"),
    ):
        libraries = tmp_path / f"with {package}"
        libraries.mkdir()
        (libraries / package).symlink_to(Path(importlib.import_module(package).__file__ or "").parent)
        monkeypatch.syspath_prepend(libraries)
        assert not planned(), f"{package} of a version that nothing says: not kept"
        (libraries / metadata).mkdir()
        assert len(planned()) == 2, package
        assert not planned(), package


def test_the_key_of_a_form_covers_all_code_that_makes_it() -> None:
    compile_own = (
        "import sys, tempfile; from locoia_pat.engine.spec_compiler import write_own; write_own(tempfile.mkdtemp());"
        "print(*(file for name, module in sys.modules.items()"
        " if name.startswith('locoia_pat.') and (file := module.__file__)), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", compile_own], capture_output=True, text=True, check=True)
    package = Path(compiled_specs.__file__).parent.parent
    folders = {Path(file).parent for file in done.stdout.splitlines() if Path(file).is_relative_to(package)}
    assert package / "request" / "template" in folders
    specs = package / "specs"  # in an installed package: no code but a docstring
    assert folders - {specs} <= {package / folder for folder in compiled_specs.CODE}


def test_a_wrong_spec_is_explained_each_time_and_not_kept(folder: Path) -> None:
    (folder / "act.yaml").write_text(ACT.replace("name | upper", "nam | upper"), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(InvalidError, match='unknown name "nam"'):
            plan(folder)
    with pytest.raises(InvalidError, match="there is no action"):
        ready_spec(SpecFolder(folder), "nothing")
    with pytest.raises(InvalidError, match="is a super action"):
        ready_action(SpecFolder(), "ensure_pat")
    (folder / "connector.yaml").write_text("spec: 2", encoding="utf-8")
    with pytest.raises(InvalidError, match=r"connector\.yaml"):
        plan(folder)


def test_the_oldest_files_of_a_large_cache_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, _ = cached(folder)
    for number in range(6):
        old = file.parent / f"old{number}"
        old.write_bytes(b"")
        os.utime(old, (number, number))
    monkeypatch.setattr(compiled_specs, "MAX_FILES", 7)
    file.unlink()
    plan(folder)
    left = {path.name for path in file.parent.iterdir()}
    assert file.name in left
    assert "old0" not in left
    assert len(left) == 4


def test_our_own_specs_come_compiled_with_a_wheel(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_own(str(tmp_path / "compiled"))
    monkeypatch.setattr(compiled_specs, "SHIPPED", tmp_path / "compiled")
    monkeypatch.setattr(compiled_specs, "IS_INSTALLED", True)
    own = SpecFolder()
    assert len(list((tmp_path / "compiled").iterdir())) == len(own.names) + 1
    for path in (tmp_path / "compiled").iterdir():
        path.chmod(0o666)  # as the installer of the package decides
    assert all(loaded_spec(own, name) for name in own.names)
    assert Connector(ConnectorAuth(CREDENTIAL)).plan("list_pats").method == "GET"
    assert not cache_folder().exists()
    assert loaded_spec(SpecFolder(folder), "act") is None
    plan(folder)
    assert len(list(cache_folder().iterdir())) == 2
    monkeypatch.setattr(compiled_specs, "IS_INSTALLED", False)  # a checkout, where an older build was killed
    assert loaded_spec(SpecFolder(), "list_pats") is None


def command(folder: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "locoia_pat", *arguments, "--specs", str(folder)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_processes_that_compile_at_once_all_run_and_leave_one_right_file(folder: Path) -> None:
    processes = [command(folder, "plan", "act", "name=x") for _ in range(4)]
    outputs = {(process.communicate(timeout=60), process.returncode) for process in processes}
    [(texts, code)] = outputs
    assert (code, "/acts/x" in texts[0], texts[1]) == (0, True, "")
    assert len(list(cache_folder().iterdir())) == 2
    before = {path: path.stat().st_mtime_ns for path in cache_folder().iterdir()}
    assert "/acts/x" in plan(folder)["url"]
    assert {path: path.stat().st_mtime_ns for path in cache_folder().iterdir()} == before


def test_a_cache_that_is_full_read_only_or_missing_costs_only_time(folder: Path, tmp_path: Path) -> None:
    uncovered = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    full = command(
        folder,
        *("plan", "act", "name=x"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        env=uncovered | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    output, errors = full.communicate(timeout=60)
    assert (full.returncode, "/acts/x" in output, errors) == (0, True, "")
    assert not list(cache_folder().iterdir())
    (tmp_path / "file").write_text("", encoding="utf-8")
    for unusable in (tmp_path / "file", Path("/proc/nothing")):
        os.environ["XDG_CACHE_HOME"] = str(unusable)
        assert "/acts/x" in plan(folder)["url"]


LOADED: dict[str, list[str]] = {
    "actions": ["click", "platformdirs"],
    "show act": ["click", "platformdirs", "pydantic_core._pydantic_core"],
    "plan act name=x": ["click", "platformdirs", "pydantic_core._pydantic_core"],
    "token text:token.txt": ["click"],
    "exec text:token.txt -- true": ["click", "platformdirs"],
    "run act name=x": ["click", "httpx", "platformdirs", "pydantic_core._pydantic_core"],
}
"""By command: the libraries of ours that it loads, when its specs were compiled before."""
LIBRARIES = (
    "click",
    "filelock",
    "httpx",
    "jinja2",
    "platformdirs",
    "pydantic",
    "pydantic_core",
    "pydantic_core._pydantic_core",
    "typing_extensions",
    "yaml",
)


def test_a_command_loads_only_the_libraries_that_it_needs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text(CREDENTIAL.reveal(), encoding="utf-8")
    script = (
        "import os, sys\n"
        f"report = lambda *_: os.write(2, ' '.join(name for name in {LIBRARIES} if name in sys.modules).encode())\n"
        "os.execvpe = lambda *_: sys.exit(0)\n"
        "from locoia_pat.cli import main\n"
        "try: main(sys.argv[1:])\nfinally: report()"
    )
    with serving(answer(200, {"id": "x"})) as server:
        (folder / "connector.yaml").write_text(ACME.replace("https://api.acme.example", server.url), encoding="utf-8")
        names_only = ACT.replace("name | upper", "name").replace("size + 1", "size")  # Jinja evaluates expressions
        (folder / "act.yaml").write_text(names_only, encoding="utf-8")
        plan(folder)
        for line, expected in LOADED.items():
            environment = {**os.environ, "LOCOIA_PAT_SPECS": str(folder), "ACME_TOKEN": CREDENTIAL.reveal()}
            done = subprocess.run(
                [sys.executable, "-c", script, *line.split()],
                capture_output=True, text=True, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stderr.split()) == (0, expected), line


def test_the_validator_that_a_run_loads_is_that_of_pydantic_before_and_after_pydantic() -> None:
    check = (
        "import locoia_pat.spec.core_validator as ours, sys\n"
        "assert BEFORE == ('pydantic_core' in sys.modules)\n"
        "import pickle, pydantic, pydantic_core\n"
        "assert ours.ValidationError is pydantic.ValidationError\n"
        "assert ours.SchemaValidator is pydantic_core.SchemaValidator\n"
        "class Model(pydantic.BaseModel):\n    x: int\n"
        "assert pickle.loads(pickle.dumps(Model(x='1'))).x == 1\n"
        "schema = pydantic_core.core_schema.str_schema(pattern='a')\n"
        "assert ours.SchemaValidator(schema).validate_python('a') == 'a'\n"
    )
    for before, first in ((False, ""), (True, "import pydantic_core\n")):
        script = f"{first}BEFORE = {before}\n{check}"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), first
