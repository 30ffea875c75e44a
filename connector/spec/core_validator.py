"""The validator of pydantic-core, without the Python modules of that package.

``import pydantic_core`` also loads ``core_schema``, with a class for each kind of schema, and ``typing_extensions``.
That takes ten times as long as the validator, and a run needs none of it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

_PACKAGE, _EXTENSION = "pydantic_core", "pydantic_core._pydantic_core"


def _load_extension() -> ModuleType:
    """Return the extension module; a later import of its package finds it and loads the rest."""
    is_loaded = _PACKAGE in sys.modules or _EXTENSION in sys.modules
    package = None if is_loaded else PathFinder.find_spec(_PACKAGE)
    spec = package and PathFinder.find_spec(_EXTENSION, package.submodule_search_locations)
    if not spec or not spec.loader:  # it is loaded, or comes from something else than a folder
        return import_module(_EXTENSION)
    module = sys.modules[_EXTENSION] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from pydantic_core import PydanticCustomError, SchemaError, SchemaValidator, ValidationError
else:
    _extension = _load_extension()
    PydanticCustomError = _extension.PydanticCustomError
    SchemaError = _extension.SchemaError
    SchemaValidator = _extension.SchemaValidator
    ValidationError = _extension.ValidationError

__all__ = ["PydanticCustomError", "SchemaError", "SchemaValidator", "ValidationError"]
