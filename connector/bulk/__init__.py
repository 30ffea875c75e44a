"""One action for many items: a result for each, no item lost, and no create repeated."""

from __future__ import annotations

from locoia_pat.bulk.items import Item, ItemResult, Journal, PlaceTemplate, Terms
from locoia_pat.bulk.runner import Bulk

__all__ = ["Bulk", "Item", "ItemResult", "Journal", "PlaceTemplate", "Terms"]
