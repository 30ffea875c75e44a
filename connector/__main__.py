"""``python -m locoia_pat``: the command."""

from __future__ import annotations

from .cli import main

main()
