"""``ConnectorAuth``: the credential of a connector."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Never, Self

from locoia_pat.messages import describe_value, wrong_arguments
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.secrets.secret import EnvSecrets, Secret
from locoia_pat.stores import Credential, bare_credential, is_readable, open_store, read_credential, read_token
from locoia_pat.stores.token_text import read_bare_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.spec.model import ConnectorSpec


class ConnectorAuth:
    """A credential, or where to read it when it is first needed.

    A credential that was read from a store is read again, once, when the API answers 401: it may have been rotated.
    """

    def __init__(
        self,
        token: Secret | Callable[[ConnectorSpec], Credential] | None = None,
        *_extra: Never,
        identifier: str | None = None,
        **_unknown: Never,
    ) -> None:
        """Use the credential *token*.

        Args:
            token: the credential, or a function that reads it, given the spec of the connector.
            identifier: what some APIs expect with it, such as a user name; by default read from the connector's
                variable.

        Raises:
            InvalidError: the token is not a credential: it must be printable ASCII characters without spaces.
            TypeError: it is missing or not a :class:`Secret`, or there is no such argument.

        """
        if _extra or _unknown:
            example = "ConnectorAuth(Secret(…), identifier=…) or ConnectorAuth.from_env()"
            raise wrong_arguments("ConnectorAuth", _extra, _unknown, example)
        if not isinstance(token, Secret) and not callable(token):
            raise TypeError("pass the token as Secret(...), so that it is never shown; or ConnectorAuth.from_env()")
        bare = read_bare_token(token) if isinstance(token, Secret) else token
        if isinstance(bare, str):
            raise invalid(
                f"invalid credential: it {bare}",
                field="auth",
                hint="A credential is printable ASCII characters without spaces, quotes and the word Bearer.",
            )
        self._token = bare
        self._last: Credential | None = None
        """The credential that was read last; it stays the same object until its value changes."""
        self._identifier = identifier
        self.ref: str | None = None
        """The absolute REF it is read from, if a token can be stored there; else None."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the credential from the environment when it is needed.

        It is the variable that the connector names in its ``env``, else the content of the file that the variable with
        ``_FILE`` names.  For Locoia these are ``LOCOIA_TOKEN`` and ``LOCOIA_TOKEN_FILE``.

        Args:
            environ: used instead of ``os.environ``.

        """
        variables = EnvSecrets(os.environ if environ is None else environ)

        def read(spec: ConnectorSpec) -> Credential:
            name, file = spec.env.token, f"{spec.env.token}_FILE"
            if (token := variables.get_filled(name)) is not None:
                return bare_credential(token, name, field=name)
            if (path := variables.get_filled(file)) is not None:
                return read_credential(f"file:{path.reveal().removeprefix('file:')}", field=file)
            raise invalid(
                "there is no credential",
                field="auth",
                hint=f"Set {name} or {file}, run locoia-pat login, or name a store with --auth "
                f"(--auth file:token.json). {spec.auth.info or ''}".strip(),
            )

        return cls(read)

    @classmethod
    def from_ref(cls, ref: str | None = None) -> Self:
        """Read the credential from *ref*: ``file:PATH``, ``env:NAME``, or ``-`` for one line of standard input.

        Raises:
            TypeError: *ref* is missing or not a string.

        """
        if ref is None:
            raise TypeError('ref is missing; pass a string, such as "file:token.json"')
        if not isinstance(ref, str):
            raise TypeError(f'ref is {describe_value(ref)}; pass a string, such as "file:token.json"')
        if ref == "-":
            return cls(read_token(ref))  # can be read once only
        auth = cls(lambda _: read_credential(ref))
        auth.ref = open_store(ref, field="auth").ref if is_readable(ref) else None
        return auth

    @property
    def can_change(self) -> bool:
        """Whether reading it again may return another credential."""
        return not isinstance(self._token, Secret)

    def credential(self, spec: ConnectorSpec) -> Credential:
        """Read the credential of the connector *spec*.

        As long as it does not change it is the same object, whose encoded forms are computed once.

        Raises:
            InvalidError: there is no credential.

        """
        if isinstance(self._token, Secret):
            return Credential(self._token)
        last, read = self._last, self._token(spec)  # another thread may read it meanwhile
        if last is not None and read == last:
            return last
        self._last = read
        return read

    def identifier(self, spec: ConnectorSpec) -> str | None:
        """Return the identifier that the connector *spec* sends with the token, or None."""
        return self._identifier or (os.environ.get(spec.env.identifier) if spec.env.identifier else None)

    def __repr__(self) -> str:
        return "ConnectorAuth(…)"


class ExchangeError(Exception):
    """The credential could not be exchanged, so the request of the action was not sent."""

    def __init__(self, parsed: ParsedResponse, attempts: int) -> None:
        """Carry what the response to the exchange means, and the attempts."""
        super().__init__("the credential could not be exchanged")
        self.parsed = parsed
        self.attempts = attempts

    @property
    def is_refused(self) -> bool:
        """Whether the API refused the credential."""
        return self.parsed.outcome is Outcome.REFUSED
