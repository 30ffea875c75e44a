"""``ConnectorAuth``: where a connector's credential comes from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import Secret, Variables, credential
from locoia_pat.stores import Credential, is_readable, open_store, read_credential, read_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.spec.model import ConnectorSpec


class ConnectorAuth:
    """A credential, or the place it is read from when it is first needed.

    One that is read from a place is read again, once, when the API answers 401: somebody may have rotated it.
    """

    def __init__(self, token: Secret | Callable[[ConnectorSpec], Credential], *, identifier: str | None = None) -> None:
        """The credential *token*, or what reads it, given the connector.

        *identifier* is what some APIs want beside it, such as a user name; by default the connector's variable has it.

        Raises:
            InvalidError: the token is no credential: not visible ASCII characters without spaces.
            TypeError: it is no :class:`Secret`.
        """
        if not isinstance(token, Secret) and not callable(token):
            raise TypeError("a token is given as Secret(...), so that nothing shows it")
        if isinstance(token, Secret) and credential(token) is None:
            raise invalid(
                "this is no credential",
                field="auth",
                hint="It is visible ASCII characters without spaces, and without the word Bearer.",
            )
        self._token = token
        self._identifier = identifier
        self.ref: str | None = None
        """The place it is read from, absolute, where that can store one too."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The variable that the connector names in its ``env``, else the file named by that variable and ``_FILE``.

        For Locoia these are ``LOCOIA_TOKEN`` and ``LOCOIA_TOKEN_FILE``.  *environ* stands for the environment, which
        is left as it is.
        """
        variables = Variables(os.environ if environ is None else environ)

        def read(spec: ConnectorSpec) -> Credential:
            env = spec.env
            if env.token in variables and variables[env.token] != Secret(""):
                return read_credential(f"env:{env.token}", environ=variables, field=env.token)
            place = f"{env.token}_FILE"
            if place in variables and variables[place] != Secret(""):
                return read_credential(f"file:{variables[place].reveal().removeprefix('file:')}", field=place)
            raise invalid(
                "there is no credential",
                field="auth",
                hint=f"Set {env.token} or {env.token}_FILE, run locoia-pat login, or name a place with --auth "
                f"(--auth file:token.json). {spec.auth.info or ''}".strip(),
            )

        return cls(read)

    @classmethod
    def from_ref(cls, ref: str) -> Self:
        """The credential that stands at *ref*: ``file:PATH``, ``env:NAME`` or ``-`` for one line of standard input."""
        if ref == "-":
            return cls(read_token(ref))  # can be read once only
        auth = cls(lambda _: read_credential(ref))
        auth.ref = open_store(ref, field="auth").ref if is_readable(ref) else None
        return auth

    @property
    def can_change(self) -> bool:
        """Whether reading it again may give another one."""
        return not isinstance(self._token, Secret)

    def credential(self, spec: ConnectorSpec) -> Credential:
        """The credential as it stands now, for the connector of *spec*.

        Raises:
            InvalidError: there is none.
        """
        return Credential(self._token) if isinstance(self._token, Secret) else self._token(spec)

    def identifier(self, spec: ConnectorSpec) -> str | None:
        """What stands beside the token, for the connector of *spec*; None where there is nothing."""
        return self._identifier or (os.environ.get(spec.env.identifier) if spec.env.identifier else None)

    def __repr__(self) -> str:
        return "ConnectorAuth(…)"
