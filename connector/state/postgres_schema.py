"""The tables of a state in PostgreSQL, and how each version changes them."""

from __future__ import annotations

_NOW = "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS{}\"Z\"')"
_AT = f"at TEXT NOT NULL DEFAULT {_NOW.format('.MS')}"
_AT_SECOND = f"at TEXT NOT NULL DEFAULT {_NOW.format('')}"
_ROWID = "rowid BIGINT GENERATED ALWAYS AS IDENTITY"  # SQLite has one in each table

POSTGRES_SCHEMAS = (
    f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE names ({_ROWID}, api TEXT NOT NULL, name TEXT NOT NULL, entry TEXT NOT NULL, PRIMARY KEY (api, name));
CREATE INDEX names_entry ON names (substr(entry, 1, 90) text_pattern_ops);
CREATE TABLE events ({_ROWID} PRIMARY KEY, {_AT}, api TEXT NOT NULL, name TEXT NOT NULL, entry TEXT NOT NULL);
CREATE INDEX events_name ON events (api, name);
CREATE TABLE tokens ({_ROWID}, api TEXT NOT NULL, name TEXT NOT NULL, fingerprint TEXT NOT NULL, metadata TEXT NOT NULL,
                     PRIMARY KEY (api, name, fingerprint));
CREATE TABLE deliveries ({_ROWID}, api TEXT NOT NULL, name TEXT NOT NULL, store TEXT NOT NULL,
                         fingerprint TEXT NOT NULL, PRIMARY KEY (api, name, store));
CREATE TABLE receipts ({_ROWID} PRIMARY KEY, {_AT_SECOND}, api TEXT NOT NULL, name TEXT NOT NULL,
                       receipt TEXT NOT NULL);
CREATE INDEX receipts_name ON receipts (api, name);
CREATE TABLE access_keys ({_ROWID}, id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL,
                          permissions TEXT NOT NULL, created TEXT NOT NULL, expires TEXT, revoked TEXT);
CREATE TABLE served_calls ({_ROWID}, caller TEXT NOT NULL, key TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
                           fingerprint TEXT NOT NULL, marks TEXT NOT NULL, stores TEXT NOT NULL, response TEXT,
                           PRIMARY KEY (caller, key));
CREATE INDEX served_calls_at ON served_calls (at);
CREATE TABLE documents (name TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE SEQUENCE fences;
CREATE TABLE leases (key TEXT PRIMARY KEY, fence BIGINT NOT NULL, holder TEXT NOT NULL, note TEXT NOT NULL,
                     expires TIMESTAMPTZ NOT NULL);
""",
)
"""The statements that each version adds.  They only add, so that programs of earlier versions can still use it."""
