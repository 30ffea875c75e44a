"""The names of the package: each is loaded when it is first used."""

from __future__ import annotations

import pytest

from locoia_pat import actions


def test_every_public_name_is_found_and_an_unknown_one_is_an_attribute_error() -> None:
    for name in actions.__all__:
        assert getattr(actions, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'delete_pat'"):
        _ = actions.delete_pat
