"""Detection of secrets by name and by form."""

from __future__ import annotations

from locoia_pat.secrets.detect import find_secrets, is_ambiguous_name, is_id_name, is_secret_name, looks_like_token

RANDOM = "q7Zt2Kx9Lm4Pv8Rw3Yb6"


def test_names_of_secrets_and_of_their_properties_are_distinguished() -> None:
    for name in ("token", "accessToken", "Access-Token", "API_KEY", "clientSecret", "session_id", "privatekey"):
        assert is_secret_name(name), name
    for name in ("token_id", "token_count", "has_token", "key", "note", "password_expires", ""):
        assert not is_secret_name(name), name


def test_a_value_inside_a_secret_is_secret() -> None:
    for name, inside in (("value", ["pat"]), ("plain_text", ["token"]), ("anything", ["credentials"])):
        assert is_secret_name(name, inside), name
    assert not is_secret_name("value", ["row"])


def test_ambiguous_names_and_names_of_ids() -> None:
    assert [is_ambiguous_name(name) for name in ("key", "sort_key", "session", "note", "")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert [is_id_name(name) for name in ("id", "eTag", "next_cursor", "token")] == [True, True, True, False]


def test_known_formats_and_random_runs_are_found_with_their_spans() -> None:
    for before, secret, after in (
        ("see ", "glpat-AbCd1234EfGh5678", " now"),
        ("Authorization: Bearer ", "abc123def456", ""),
        ("?token=", "hunter2hunter2", "&x=1"),
        ("https://robot:", "s3cr3t", "@api.example.com"),
        ("it is ", RANDOM, "."),
    ):
        text = f"{before}{secret}{after}"
        assert (len(before), len(before) + len(secret)) in find_secrets(text), text


def test_a_token_is_found_although_its_characters_are_escaped() -> None:
    for written in (
        "".join(f"%{ord(sign):02X}" for sign in RANDOM),
        "".join(f"\\u{ord(sign):04x}" for sign in RANDOM),
        "".join(f"&#{ord(sign)};" for sign in RANDOM),
        "%67%68p_AbCd1234EfGh5678",
    ):
        assert (4, 4 + len(written)) in find_secrets(f"see {written}."), written


def test_words_dates_and_ids_are_not_secrets() -> None:
    for text in (
        "create_connector_auth",
        "2026-11-28T06:30:57Z",
        "9b2f0c1e-5d3a-4f6b-8a7c-1d2e3f4a5b6c",
        "token: none",
    ):
        assert find_secrets(text) == [], text


def test_a_string_looks_like_a_token_unless_it_may_be_an_id() -> None:
    assert looks_like_token("ghp_AbCd1234EfGh5678IjKl")
    assert looks_like_token(RANDOM)
    assert not looks_like_token(RANDOM, may_be_id=True)
    assert not looks_like_token("0123456789abcdef0123456789abcdef")
    assert not looks_like_token("a sentence of words")
