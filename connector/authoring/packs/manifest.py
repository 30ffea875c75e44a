"""The manifest: what a pack is and may do.

It is derived from the specs; a manifest in an archive is not trusted.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from locoia_pat.authoring.packs.content import MANIFEST
from locoia_pat.messages import describe_value, join_names
from locoia_pat.outcomes import invalid
from locoia_pat.spec.description import base_url_variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, Input

FORMAT = 1
"""The version of the pack format."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ActionSummary(_Model):
    """An action in the manifest."""

    effect: str
    method: str
    path: str
    summary: str
    secret_outputs: list[str] = []
    """Outputs that are shown once, such as a token."""


class Manifest(_Model):
    """What a pack is and may do; lists are sorted."""

    name: str
    """The connector's name, which precedes its actions: ``gitlab.rotate_token``."""
    version: str
    title: str
    base_url: str
    hosts: list[str]
    """The hosts that the credential may be sent to, in addition to localhost."""
    header: str
    """The header that the credential is sent in."""
    variables: list[str]
    """The environment variables that are read."""
    secret_inputs: list[str]
    """Inputs that are secrets, as ``action.input``."""
    effects: list[str]
    methods: list[str]
    actions: dict[str, ActionSummary]
    files: dict[str, str]
    """The checksum of each file."""

    @classmethod
    def from_specs(
        cls, connector: ConnectorSpec, actions: Mapping[str, ActionSpec], files: Mapping[str, bytes]
    ) -> Self:
        """Return the manifest of a pack with these specs and *files*."""
        return cls(
            name=connector.connector,
            version=connector.version,
            title=connector.title,
            base_url=connector.base_url,
            hosts=sorted({*connector.hosts}),
            header=connector.auth.header_key,
            variables=variables(connector),
            secret_inputs=sorted(f"{name}.{at}" for name, spec in actions.items() for at in secret_inputs(spec.inputs)),
            effects=sorted({spec.effect for spec in actions.values()}),
            methods=sorted({spec.request.method for spec in actions.values()}),
            actions={
                name: ActionSummary(
                    effect=spec.effect,
                    method=spec.request.method,
                    path=spec.request.path,
                    summary=spec.summary,
                    secret_outputs=list(spec.secrets),
                )
                for name, spec in sorted(actions.items())
            },
            files={name: checksum(data) for name, data in sorted(files.items())},
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the manifest in *data*.

        Raises:
            InvalidError: it is not a manifest, or of another version of the pack format.

        """
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise invalid(f"has a {MANIFEST} that is not valid JSON", field="pack") from None
        if not isinstance(value, dict) or "pack" not in value:
            raise invalid(f'has a {MANIFEST} without the version of the format, "pack"', field="pack")
        version = value.pop("pack")
        if version != FORMAT or isinstance(version, bool):
            newer = isinstance(version, int) and version > FORMAT
            raise invalid(
                f"has version {describe_value(version)} of the pack format; this program reads version {FORMAT}",
                field="pack",
                hint="A newer locoia-pat may read it." if newer else None,
            )
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            keys = {str(mistake["loc"][0]) for mistake in error.errors(include_input=False, include_url=False)}
        raise invalid(f"has a {MANIFEST} with missing, unknown or invalid keys: {_printable(keys)}", field="pack")

    def text(self) -> bytes:
        """Return the manifest as it is in an archive."""
        return (json.dumps({"pack": FORMAT, **self.to_dict()}, indent=1, ensure_ascii=False) + "\n").encode()

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as JSON values."""
        return self.model_dump(exclude_defaults=True)

    def differing_keys(self, other: Manifest) -> list[str]:
        """Return the keys in which *other* differs."""
        return [key for key in type(self).model_fields if getattr(self, key) != getattr(other, key)]

    def check_files(self, files: Mapping[str, bytes]) -> None:
        """Check that *files* are those of this manifest.

        Raises:
            InvalidError: a file is missing, added or changed.

        """
        checksums = {name: checksum(data) for name, data in files.items()}
        wrong = {name for name in {**checksums, **self.files} if checksums.get(name) != self.files.get(name)}
        if wrong:
            raise invalid(f"has files that do not match the checksums in {MANIFEST}: {_printable(wrong)}", field="pack")


def _printable(names: Iterable[str]) -> str:
    safe = {name if name.isascii() and name.isprintable() and len(name) <= 100 else "(unprintable)" for name in names}
    return join_names(sorted(safe))


def checksum(data: bytes) -> str:
    """Return the SHA-256 of *data*, as ``sha256:`` and hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def variables(connector: ConnectorSpec) -> list[str]:
    """Return the environment variables that *connector* reads, sorted."""
    env = connector.env
    others = [base_url_variable(connector, name) for name in connector.base_urls]
    return sorted({env.token, f"{env.token}_FILE", *others, *filter(None, (env.base_url, env.identifier))})


def secret_inputs(inputs: Mapping[str, Input]) -> list[str]:
    """Return the names of the secret *inputs*; one inside an object as ``object.name``."""
    names = [name for name, field in inputs.items() if field.type == "password"]
    for name, field in inputs.items():
        names += [f"{name}.{inner}" for inner in secret_inputs(field.children or {})]
    return names
