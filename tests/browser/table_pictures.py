"""``python -m tests.browser.table_pictures FOLDER``: pictures of every table in a terminal of 80 columns.

Each command runs in a pseudo-terminal against a sandbox; what it prints is drawn in a dark and in a light theme.
Look at each picture.  It needs Debian's ``chromium``.
"""

from __future__ import annotations

import fcntl
import html
import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, TerminalTheme
from rich.text import Text

from tests.browser.__main__ import CHROMIUM
from tests.support.sandbox_client import calling

COLUMNS = 80
_TEXT = re.compile(r'(<text [^>]*textLength=")([\d.]+)("[^>]*>)([^<]*)<')
XTERM = TerminalTheme(
    (0, 0, 0),
    (229, 229, 229),
    [(0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)],
    [
        (127, 127, 127),
        (255, 0, 0),
        (0, 255, 0),
        (255, 255, 0),
        (92, 92, 255),
        (255, 0, 255),
        (0, 255, 255),
        (255, 255, 255),
    ],
)
"""The colors of xterm."""
THEMES = (XTERM, DEFAULT_TERMINAL_THEME)
"""A dark and a light one."""

FLEET = """\
fleet: 1
defaults: {expiration: 30}
tokens:
  - {name: billing-ci, scopes: ["automation:view"], note: "Billing pipeline of the finance team", to: ["file:billing.json"]}
  - {name: crm-export-for-the-sales-team, scopes: [company, "connectors:view"], note: CRM, to: ["file:crm.json", "env-file:crm.env#CRM_TOKEN"]}
  - {name: nowhere, scopes: [embed], note: Nowhere, to: ["file:/proc/nowhere/token.json"]}
"""  # noqa: E501  # lines of a file
COMMANDS = {
    "actions": "actions",
    "show-create-pat": "show create_pat",
    "show-ensure-pat": "show ensure_pat",
    "plan": "plan create_pat expiration=30 scopes=automation:view scopes=company note=CI",
    "scopes": "scopes",
    "scopes-entity": "scopes flows read",
    "scopes-unknown": "scopes automation read",
    "scopes-scope": "scopes company:manage",
    "whoami": "whoami",
    "whoami-refused": "whoami --auth text:wrong.txt",
    "list": "run list_pats --table",
    "list-no-trunc": "run list_pats --table --no-trunc",
    "create": "run create_pat expiration=30 scopes=embed note=CI --token-to file:ci.json --table --yes",
    "audit": "run audit_pats --table",
    "audit-one-kind": "run audit_pats only=expiring expiring_within=60 --table",
    "audit-nothing": "run audit_pats only=expiring expiring_within=1 --table",
    "fleet-plan": "fleet plan fleet.yaml",
    "fleet-apply": "fleet apply fleet.yaml --yes",
    "fleet-status": "fleet status fleet.yaml",
    "fleet-rotate": "fleet rotate fleet.yaml --only billing-ci --now --yes",
    "fleet-retire": "fleet retire fleet.yaml --only billing-ci --yes",
    "ensure": "run ensure_pat name=shop scopes=embed expiration=30 note=Shop --token-to file:shop.json --table --yes",
    "history": "history",
    "history-name": "history shop",
    "reconcile": "reconcile --plan",
    "doctor": "doctor",
    "doctor-measure": "doctor --measure --scope embed --yes",
    "doctor-copy": "doctor",
    "recipes": "recipe list",
    "connector-auths": "run list_connector_auths --table",
    "serve-key-new": "serve key new flows --allow ensure_pat,list_pats --names 'billing-*' --places 'file:/srv/*.json'",
    "serve-keys": "serve key list",
    "pack-verify": "pack verify gitlab.zip",
    "pack-install": "pack install gitlab.zip",
    "packs": "pack list",
    "diff": "diff old gitlab",
    "check": "check broken",
    "test": "test gitlab",
    "test-failed": "test broken",
    "refused": "run regenerate_pat token_id=unknown expiration=30 --table --token-to file:x.json --yes",
    "invalid": "run create_pat --table",
    "help": "--help",
    "run-help": "run --help",
    "fleet-apply-help": "fleet apply --help",
}  # fmt: skip


def run(arguments: str, folder: Path, variables: dict[str, str]) -> str:
    """Return what the command prints to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "locoia_pat", *shlex.split(arguments)]
    environment = {**os.environ, **variables, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    read = b""
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder, start_new_session=True
    ) as process:
        os.close(theirs)
        if "pack install" in arguments:
            os.write(ours, b"y\n")
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end was closed
                break
            read += part
            if not part:
                break
        process.wait(timeout=60)
    os.close(ours)
    return read.decode().replace("\r\n", "\n").expandtabs()


def as_svg(title: str, printed: str, theme: TerminalTheme) -> tuple[str, int]:
    """Return *printed* as a terminal shows it, a line that is too long broken at its edge, and its number of lines."""
    lines: list[Text] = []
    for line in Text.from_ansi(printed).split("\n"):
        lines += line.divide(range(COLUMNS, line.cell_len, COLUMNS))
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        console = Console(record=True, width=COLUMNS, file=nothing, force_terminal=True, legacy_windows=False)
        for line in lines:
            console.print(line, no_wrap=True, overflow="ignore", crop=False)
        console.print()  # the last line of a drawing is cut at its underscores
        svg = console.export_svg(title=title[:70], theme=theme, unique_id=f"t{THEMES.index(theme)}")
    return _TEXT.sub(_with_cells, svg), len(lines)


def _with_cells(element: re.Match[str]) -> str:
    """Return *element* with the length of its text in cells of a terminal: rich counts characters."""
    before, length, after, escaped = element.groups()
    text = html.unescape(escaped)
    return f"{before}{float(length) * cell_len(text) / max(len(text), 1):.1f}{after}{escaped}<"


def draw(title: str, printed: str, file: Path) -> None:
    """Draw *printed* in each theme, side by side."""
    drawn = [as_svg(title, printed, theme) for theme in THEMES]
    page = file.with_suffix(".html")
    parts = "".join(f"<div style='width:50%'>{svg}</div>" for svg, _ in drawn)
    page.write_text(f"<body style='margin:0;display:flex;align-items:start'>{parts}", encoding="utf-8")
    height = 60 + 20 * (drawn[0][1] + 4)
    subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size=1600,{height}",
         f"--screenshot={file}", page.as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    page.unlink()


def prepare(work: Path) -> None:
    """Write the files that the commands read."""
    (work / "fleet.yaml").write_text(FLEET)
    examples = Path(__file__).parents[2] / "docs" / "examples" / "gitlab"
    for name in ("gitlab", "old", "broken"):
        (work / name).mkdir()
        for file in examples.glob("*.yaml"):
            (work / name / file.name).write_text(file.read_text())
    (work / "wrong.txt").write_text("lpat_sbx_" + "0" * 36)
    (work / "old" / "rotate_token.yaml").unlink()
    spec = work / "broken" / "get_self.yaml"
    spec.write_text(spec.read_text().replace("effect: read", "efect: read"))


def main() -> None:
    """Draw the table of each command, or only those named after the folder."""
    folder, *only = sys.argv[1:]
    target = Path(folder).resolve()
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        calling(scopes=("automation", "company", "connector_auth", "connectors", "embed")) as api,
    ):
        work = Path(temporary)
        prepare(work)
        variables = {
            "LOCOIA_BASE_URL": api.url,
            "LOCOIA_TOKEN": api.token.reveal(),
            "HOME": str(work),
            **{f"XDG_{name}_HOME": str(work / name.lower()) for name in ("CONFIG", "DATA", "CACHE", "STATE")},
        }
        for note, days in (
            ("CRM export for the sales team in the Munich office, nightly at two", 7),
            ("給与システム 🚀", 45),
            ("Old integration", None),
        ):
            api.call(
                "POST",
                "/personal-access-tokens",
                json={"expiration": days, "scopes": ["automation", "company:view", "connectors:manage"], "note": note},
            )
        api.call(
            "POST",
            "/connector-auths",
            json={"name": "CRM of the customer", "connector_id": "c1", "auth_token": "x" * 20},
        )
        run("pack build gitlab --out gitlab.zip", work, variables)
        wide: dict[str, int] = {}
        for name, command in COMMANDS.items():
            if name == "doctor-copy":
                shutil.copytree(work / "state", work / "copy")
            state = work / ("copy" if name == "doctor-copy" else "state")
            variables["LOCOIA_PAT_STATE"] = str(state)
            printed = run(command, work, variables)
            longest = max((line.cell_len for line in Text.from_ansi(printed).split("\n")), default=0)
            if longest > COLUMNS:
                wide[name] = longest
            if not only or name in only:
                draw(f"locoia-pat {command}", printed, target / f"{name}.png")
        print(json.dumps({"pictures": len(only or COMMANDS), "longer than the terminal": wide}, indent=2))


if __name__ == "__main__":
    main()
