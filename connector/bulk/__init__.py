"""One action for many items: a result for each, no item lost, and no create repeated."""

from __future__ import annotations

from .items import Item, ItemResult, Journal, PlaceTemplate, Terms
from .run import Bulk

__all__ = ["Bulk", "Item", "ItemResult", "Journal", "PlaceTemplate", "Terms"]
