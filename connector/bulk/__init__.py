"""Bulk runs: one action for many items, with a result for each, no item lost and no create sent twice."""

from __future__ import annotations

from locoia_pat.bulk.items import BulkOptions, Item, ItemResult, JournalOptions, StoreTemplate
from locoia_pat.bulk.runner import BulkRun

__all__ = ["BulkOptions", "BulkRun", "Item", "ItemResult", "JournalOptions", "StoreTemplate"]
