"""What the typed functions return, as flow engines copy it."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from locoia_pat import InvalidError, Secret
from locoia_pat.actions.models import MintedToken
from tests.support.loopback import TOKEN, created


def test_a_copy_of_a_minted_token_has_its_row_and_no_secret() -> None:
    minted = MintedToken.model_validate(
        {**created(), "token": Secret(TOKEN), "expires_in_days": 30, "token_refs": ("file:/a",)}
    )
    for back in (pickle.loads(pickle.dumps(minted)), copy.deepcopy(minted)):  # noqa: S301  # our own bytes
        assert (back.id, back.token_refs) == (minted.id, ("file:/a",))
        with pytest.raises(InvalidError, match="is stored in file:/a"):
            back.token.reveal()
    assert json.loads(minted.model_dump_json())["token"] == "«secret»"
    assert minted.token == Secret(TOKEN)
