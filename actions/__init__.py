"""What a Personal Access Token is: typed functions over the specs, and the API page's tables.

>>> from locoia_pat.actions import create_pat, list_pats, regenerate_pat
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .create_pat import create_pat
from .list_pats import list_pats
from .regenerate_pat import regenerate_pat

if TYPE_CHECKING:
    from .models import MintedToken, PersonalAccessToken

__all__ = ["MintedToken", "PersonalAccessToken", "create_pat", "list_pats", "regenerate_pat"]


def __getattr__(name: str) -> Any:
    if name in ("MintedToken", "PersonalAccessToken"):
        from . import models  # noqa: PLC0415  # pydantic is only needed from here on

        return getattr(models, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
