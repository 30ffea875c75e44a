"""The server's own OpenAPI document: valid, and every response is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openapi_spec_validator import OpenAPIV31SpecValidator

if TYPE_CHECKING:
    from tests.support.served import Served

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,ignored_auth"
)


def test_an_independent_validator_finds_nothing(served: Served) -> None:
    document = served.http.get(f"{served.url}/openapi.json").json()
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert {path for path in document["paths"] if path.startswith("/v1/actions/")} == {
        f"/v1/actions/{action['action']}" for action in served.get("/v1/actions").json()["actions"]
    }


def test_schemathesis_finds_no_server_error_and_no_undocumented_response(served: Served, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(served.http.get(f"{served.url}/openapi.json").json()))
    st = Path(sys.executable).with_name("st")
    done = subprocess.run(
        [
            str(st), "run", str(document), f"--url={served.url}", f"--header=Authorization: Bearer {served.key}",
            "--seed=1", "--generation-database=none", "--no-color", f"--checks={CHECKS}", "--warnings=off",
            f"--max-examples={os.environ.get('EXAMPLES', '3')}",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "30 selected / 30 total" in done.stdout
