"""``aws:NAME[#FIELD]``: a secret in AWS Secrets Manager.

Region, endpoint and credential are those that boto3 finds: variables, a profile, the role of the machine.

A new value is first stored as a version that nothing reads; then ``AWSCURRENT`` moves to it from the version that was
read.  Secrets Manager refuses the move if another writer was first, so no one's value is overwritten unseen, also
where several names share one secret.  The version before becomes ``AWSPREVIOUS``.
"""

from __future__ import annotations

import logging
import os
import re
import time
from contextvars import ContextVar
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from locoia_pat.extras import import_extra
from locoia_pat.http.url import is_loopback
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores.formats import BareToken, JsonField
from locoia_pat.stores.record import KEYS, JsonRecord, Record
from locoia_pat.stores.record_store import RecordStore, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from locoia_pat.stores.formats import RecordFormat

_T = TypeVar("_T")

_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}|arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]+:secret:[A-Za-z0-9/_+=.@-]+")
_IS_READ = re.compile(r"AWS_|HOME\Z|(?:ALL|HTTPS?|NO)_PROXY\Z", re.IGNORECASE)
"""Variables that boto3 reads."""
_STAGE = "LOCOIA_PAT"
"""The label of a version that is not current yet."""
_CONNECT_TIMEOUT, _READ_TIMEOUT, _ATTEMPTS = 5, 10, 3
"""Seconds, and how often boto3 tries a call."""
_WRITES = 8
"""How often a value is written again because another writer was first."""
_REREADS, _REREAD_SECONDS = 5, 0.2
"""How often, and after how long, a version is read again that has just been replaced."""

_PROVEN_SECONDS = 600
"""How long a secret counts as writable after a write of this process; AWS asks not to write more often for long."""
_proven: dict[tuple[int, int, str], float] = {}
"""By process, environment and secret: when it was last written."""

_UNAVAILABLE = {
    "InternalFailure",
    "InternalServiceError",
    "InternalServiceErrorException",
    "LimitExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_NOT_ACCEPTED = "AWS does not accept the credential ({kind})"
_NO_CREDENTIAL = (
    "boto3 finds no AWS credential ({kind})",
    "boto3 reads variables (AWS_PROFILE, AWS_ACCESS_KEY_ID), ~/.aws, and the role of the machine.",
)
_NO_KEY = (
    "its KMS key cannot be used ({kind})",
    "See whether its KMS key is enabled, and whether this credential may use it.",
)
_CHECK_CREDENTIAL = "See what boto3 uses: aws sts get-caller-identity. A profile or a role may have to be renewed."
_REMEDIES = {
    "AccessDeniedException": (
        "access denied: {message}",
        "Allow secretsmanager:GetSecretValue, PutSecretValue, UpdateSecretVersionStage, CreateSecret, and its KMS key.",
    ),
    "DecryptionFailure": _NO_KEY,
    "Deleted": (
        "the secret is scheduled for deletion",
        "Restore it: aws secretsmanager restore-secret --secret-id {name}",
    ),
    "EncryptionFailure": _NO_KEY,
    "NoCredentialsError": _NO_CREDENTIAL,
    "NoRegionError": ("no AWS region is set", "Set AWS_DEFAULT_REGION, or region in ~/.aws/config."),
    "PartialCredentialsError": _NO_CREDENTIAL,
    "ProfileNotFound": _NO_CREDENTIAL,
} | dict.fromkeys(
    (
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "UnrecognizedClientException",
    ),
    (_NOT_ACCEPTED, _CHECK_CREDENTIAL),
)
"""By the code of an error: what is wrong, and what to do."""


class _Version(NamedTuple):
    """A version of the secret."""

    id: str
    text: Secret


class _ChangedError(OSError):
    """Another writer was first."""


class _NotFoundError(OSError):
    """There is no such secret, or it has no value."""


class _ExistsError(OSError):
    """The secret exists."""


class _Silence(logging.Filter):
    """Drops what botocore logs of our calls: requests and responses with the secret."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  # logging's signature
        return not _is_calling.get()


_is_calling: ContextVar[bool] = ContextVar("is_calling", default=False)
_silence = _Silence()


class AwsSecretStore(RecordStore):
    """One secret as a bare token, one field of a JSON secret, or one secret as a token record."""

    noun = "secret"

    def __init__(self, place: str, *, field: str = "token_to") -> None:
        """Open the secret *place*: its name or ARN, then ``#FIELD``, or ``#current`` for a record.

        Raises:
            InvalidError: *place* has another form.
        """
        name, mark, word = place.partition("#")
        if not _NAME.fullmatch(name) or bool(mark) != bool(word):
            raise invalid(
                "expected aws:NAME or aws:NAME#FIELD",
                field=field,
                hint="For example aws:apps/billing#LOCOIA_TOKEN. A name has letters, digits and /_+=.@- only.",
            )
        form: RecordFormat = JsonRecord() if word in KEYS else JsonField(word) if word else BareToken("token")
        super().__init__(KEYS.get(word, "current"), form=form, field=field)
        self._name = name
        self.ref = f"aws:{name}#current" if word in KEYS else f"aws:{place}"
        self._current: str | None = None
        """The version that was read last."""
        self._replaced: str | None = None
        """The version that this store replaced last."""

    def _check(self) -> None:
        self._run(_client_of_environment)

    def _load(self) -> Secret | None:
        version = self._read_current()
        for _ in range(_REREADS):
            if version.id != self._replaced:
                break
            time.sleep(_REREAD_SECONDS)  # Secrets Manager does not promise that a read sees the last write
            version = self._read_current()
        self._current = version.id or None
        return version.text if version.id else None

    def _read_current(self) -> _Version:
        """Return the current version; one without an id if there is none."""
        try:
            return self._call("get_secret_value", SecretId=self._name, VersionStage="AWSCURRENT")
        except _NotFoundError:
            return _Version("", Secret(""))

    def _save(self, text: Secret) -> None:
        text = text if text != Secret("") else Secret("\n")  # an empty secret is not possible
        if self._current is None:
            self._create(text)
        else:
            self._replace(text, self._current)
        _proven[self._proof()] = time.monotonic()

    def _proof(self) -> tuple[int, int, str]:
        """Return the key of this secret in ``_proven``."""
        return *_environment(), self._name

    def _replace(self, text: Secret, current: str) -> None:
        """Give the secret another version, unless its *current* one was replaced meanwhile."""
        new = self._call("put_secret_value", text, SecretId=self._name, VersionStages=[_STAGE]).id
        self._call(
            "update_secret_version_stage",
            SecretId=self._name,
            VersionStage="AWSCURRENT",
            MoveToVersionId=new,
            RemoveFromVersionId=current,
        )
        self._replaced, self._current = current, new

    def _create(self, text: Secret) -> None:
        """Create the secret, or give it its first value."""
        try:
            new = self._call("create_secret", text, Name=self._name)
        except _ExistsError:
            if self._read_current().id:  # it has a value by now, perhaps the token of another name
                raise _ChangedError("another process has created the secret since it was read") from None
            new = self._call("put_secret_value", text, SecretId=self._name)
        self._current = new.id

    def _delete(self) -> bool:
        """Empty the secret. It is not deleted: its name could not be used again for days, and others may own it."""
        text = self._load()
        if text is None or self._form.parse(text) == Record():
            return False
        self._save(self._form.format(Record(), text))
        return True

    def _rewrite(self) -> Record:
        written = _proven.get(self._proof())
        if written is not None and time.monotonic() - written < _PROVEN_SECONDS:
            text = self._load()  # a write of this process has proven what another version would prove
            if text is not None:
                return self._form.parse(text)
        return self._retry_if_changed(super()._rewrite)

    def _remove(self) -> bool:
        return self._retry_if_changed(super()._remove)

    def _save_and_verify(self, record: Record) -> None:
        self._retry_if_changed(partial(super()._save_and_verify, record), known=record)

    def _retry_if_changed(self, work: Callable[[], _T], *, known: Record | None = None) -> _T:
        """Return what *work* returns; do it again if another writer was first, unless that was with a token of ours."""
        for _ in range(_WRITES - 1):
            try:
                return work()
            except _ChangedError:
                if known is not None:
                    self._refuse_other_token(self._current_record(), known=known.entries)
        return work()

    def _call(self, operation: str, text: Secret | None = None, **parameters: Any) -> _Version:
        """Call *operation* of Secrets Manager, with *text* as the value; return the version that it names."""

        def call() -> _Version:
            value = {} if text is None else {"SecretString": text.reveal()}
            response = getattr(_client_of_environment(), operation)(**parameters, **value)
            if "SecretBinary" in response:
                raise invalid(
                    f"{self.label} is a binary secret",
                    field=self._field,
                    hint="Name a secret that is used for the token, or a field of a JSON secret.",
                )
            return _Version(response.get("VersionId", ""), Secret(response.get("SecretString", "")))

        return self._run(call, operation)

    def _run(self, call: Callable[[], _T], operation: str = "") -> _T:
        """Return what *call* returns; raise its errors without the frames that hold a secret."""
        calling = _is_calling.set(True)
        try:
            return call()
        except InvalidError as error:
            failure: Exception = InvalidError(error.problem)
        except Exception as error:  # noqa: BLE001  # boto3 also raises ValueError, and plug-ins of it anything
            failure = self._describe(error, operation)
            if not isinstance(failure, (_ChangedError, _ExistsError, _NotFoundError)):
                _proven.pop(self._proof(), None)
        finally:
            _is_calling.reset(calling)
        raise failure

    def _describe(self, error: Exception, operation: str) -> Exception:
        """Return what a store raises for an *error* of boto3. Messages may hold credentials, so few are repeated."""
        kind, message, is_unavailable = _classify(error)
        if kind == "ResourceNotFoundException":
            return _NotFoundError("there is no such secret")
        if kind == "ResourceExistsException":
            return _ExistsError("the secret exists")
        if kind == "InvalidParameterException" and operation == "update_secret_version_stage":
            return _ChangedError("another process has changed the secret since it was read")
        if is_unavailable:
            return StoreUnavailableError(kind)
        if kind == "InvalidRequestException" and "delet" in message:
            kind = "Deleted"
        reason, hint = _REMEDIES.get(kind, ("boto3 cannot do it ({kind})", _CHECK_CREDENTIAL))
        if reason is _NOT_ACCEPTED:
            _client.cache_clear()  # the next call finds a credential that was renewed
        reason = reason.format(kind=kind, message=message)
        return invalid(f"{self.label}: {reason}", field=self._field, hint=hint.format(name=self._name))


def _classify(error: Any) -> tuple[str, str, bool]:
    """Return the code of an error, its message, and whether nothing was wrong with the request."""
    exceptions = import_extra("botocore.exceptions", "aws")
    if isinstance(error, exceptions.ClientError):
        response = error.response
        described = response.get("Error", {})
        code, status = str(described.get("Code", "")), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        message = " ".join(str(described.get("Message", "")).split())[:300]
        return code, message, code in _UNAVAILABLE or status >= 500
    is_unavailable = isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)
    return type(error).__name__, "", is_unavailable


def _client_of_environment() -> Any:
    return _client(*_environment())


def _environment() -> tuple[int, int]:
    """Return the process, and a hash of the variables that boto3 reads."""
    return os.getpid(), hash(frozenset(item for item in os.environ.items() if _IS_READ.match(item[0])))


@lru_cache(maxsize=4)
def _client(process: int, environment: int) -> Any:  # noqa: ARG001  # a forked process, or other variables: another one
    """Return a client, which threads may share.

    Raises:
        InvalidError: the extra is missing, or the secret would be sent in clear.
    """
    boto3 = import_extra("boto3", "aws")
    config = import_extra("botocore.config", "aws").Config(
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    client = boto3.session.Session().client("secretsmanager", config=config)
    endpoint = urlsplit(client.meta.endpoint_url)
    if endpoint.scheme == "http" and not is_loopback(endpoint.hostname):
        raise invalid(
            "the endpoint of AWS is plain http, which would expose the secret on the network",
            hint="Use https in AWS_ENDPOINT_URL; plain http is allowed for localhost only.",
        )
    requests = import_extra("botocore.awsrequest", "aws")
    for connection in (requests.AWSHTTPConnection, requests.AWSHTTPSConnection):
        connection.debuglevel = 0  # http.client prints what it sends once a program sets its debug level
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("boto3", "botocore", "urllib3"):
            logging.getLogger(name).addFilter(_silence)
    return client
