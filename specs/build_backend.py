"""Builds the distribution by setuptools; a wheel also gets the compiled form of the specs.

It is used by ``pip`` and ``build`` alone, from a checkout or an sdist.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_ROOT = Path(__file__).parent.parent
_COMPILED = _ROOT / "connector" / "engine" / "compiled"
_COMPILE = "from locoia_pat.engine.spec_compiler import write_own; import sys; write_own(sys.argv[1])"


def __getattr__(name: str) -> Any:
    """Return a hook of setuptools, which does all but wheels."""
    return getattr(import_module("setuptools.build_meta"), name)


def build_wheel(wheel_directory: str, *arguments: Any, **options: Any) -> Any:
    """Build a wheel with the compiled form of the specs."""
    try:
        with TemporaryDirectory() as folder:
            for source, name in (("connector", ""), ("actions", "actions"), ("specs", "specs")):
                shutil.copytree(_ROOT / source, Path(folder, "locoia_pat", name), dirs_exist_ok=True)
            path = os.pathsep.join([folder, *sys.path])
            environment = {**os.environ, "PYTHONPATH": path}
            subprocess.run([sys.executable, "-c", _COMPILE, str(_COMPILED)], env=environment, check=True)  # noqa: S603
        return import_module("setuptools.build_meta").build_wheel(wheel_directory, *arguments, **options)
    finally:
        shutil.rmtree(_COMPILED, ignore_errors=True)
