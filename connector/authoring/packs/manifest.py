"""The manifest: what a pack is and may do, made from its specs and never believed.

Pure.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from locoia_pat.authoring.packs.content import MANIFEST
from locoia_pat.messages import describe_value, join_names
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.form import Input
    from locoia_pat.spec.model import ActionSpec, ConnectorSpec

FORMAT = 1
"""The version of packs that this program writes and reads."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pack is and may do; lists are sorted."""

    name: str
    """The connector's, by which its actions are called: ``gitlab.rotate_token``."""
    version: str
    title: str
    address: str
    """The base address."""
    hosts: tuple[str, ...]
    """The hosts that may see the credential, beside this computer."""
    header: str
    """The header that the credential is sent in."""
    variables: tuple[str, ...]
    """The environment variables that are read."""
    secret_inputs: tuple[str, ...]
    """Inputs that are secrets, as ``action.input``."""
    effects: tuple[str, ...]
    methods: tuple[str, ...]
    actions: Mapping[str, Mapping[str, Any]]
    """By name: ``effect``, ``method``, ``path``, ``summary``, and ``gives`` where a secret is shown once."""
    files: Mapping[str, str]
    """The checksum of each file."""

    @classmethod
    def of(cls, connector: ConnectorSpec, actions: Mapping[str, ActionSpec], files: Mapping[str, bytes]) -> Self:
        """What the specs of *files* come to."""
        return cls(
            name=connector.connector,
            version=connector.version,
            title=connector.title,
            address=connector.base_url,
            hosts=tuple(sorted({*connector.hosts})),
            header=connector.auth.header_key,
            variables=variables(connector),
            secret_inputs=tuple(
                sorted(f"{name}.{at}" for name, spec in actions.items() for at in secret_inputs(spec.inputs))
            ),
            effects=tuple(sorted({spec.effect for spec in actions.values()})),
            methods=tuple(sorted({spec.request.method for spec in actions.values()})),
            actions={
                name: {
                    "effect": spec.effect,
                    "method": spec.request.method,
                    "path": spec.request.path,
                    "summary": spec.summary,
                    **({"gives": list(spec.secrets)} if spec.secrets else {}),
                }
                for name, spec in sorted(actions.items())
            },
            files={name: checksum(data) for name, data in sorted(files.items())},
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The manifest in *data*, which says what it says.

        Raises:
            InvalidError: it is none, or of another version of packs.

        """
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise invalid(f"has a {MANIFEST} that is no JSON", field="pack") from None
        if not isinstance(value, dict) or "pack" not in value:
            raise invalid(f'has a {MANIFEST} that does not say, as "pack", which version of packs it is', field="pack")
        version = value.pop("pack")
        if version != FORMAT or isinstance(version, bool):
            newer = isinstance(version, int) and version > FORMAT
            raise invalid(
                f"is of version {describe_value(version)} of packs, and this program reads version {FORMAT}",
                field="pack",
                hint="A newer locoia-pat may read it." if newer else None,
            )
        wanted = {field.name for field in fields(cls)}
        if wrong := wanted ^ value.keys():
            raise invalid(f"has a {MANIFEST} that lacks, or has too much: {join_names(map(_key, wrong))}", field="pack")
        values: dict[str, Any] = {name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}
        return cls(**values)

    def text(self) -> bytes:
        """The manifest as it stands in an archive."""
        return (json.dumps({"pack": FORMAT, **self.plain()}, indent=1, ensure_ascii=False) + "\n").encode()

    def plain(self) -> dict[str, Any]:
        """The manifest as JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def differs(self, said: Manifest) -> list[str]:
        """Where the manifest *said*, which may hold anything, is another."""
        mine, theirs = self.plain(), said.plain()
        return [name for name in mine if mine[name] != theirs[name]]

    def changed(self, files: Mapping[str, bytes]) -> list[str]:
        """The names among *files*, and among those that are told here, whose checksum is not the one that is told."""
        told = self.files if isinstance(self.files, dict) else {}
        sums = {name: checksum(data) for name, data in files.items()}
        return sorted(_key(name) for name in {**sums, **told} if sums.get(name) != told.get(name))


def _key(name: str) -> str:
    return name if name.isascii() and name.isprintable() and len(name) <= 100 else "a name that is none"


def checksum(data: bytes) -> str:
    """What tells *data* from all other."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def variables(connector: ConnectorSpec) -> tuple[str, ...]:
    """The environment variables that are read for *connector*, sorted."""
    env = connector.env
    return tuple(sorted({env.token, f"{env.token}_FILE", *filter(None, (env.base_url, env.identifier))}))


def secret_inputs(inputs: Mapping[str, Input]) -> list[str]:
    """The names of those that are secrets; one inside of an object as ``object.name``."""
    found = [name for name, field in inputs.items() if field.type == "password"]
    for name, field in inputs.items():
        found += [f"{name}.{inner}" for inner in secret_inputs(field.children or {})]
    return found
