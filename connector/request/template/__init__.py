"""Jinja templates in specs: compiled once, checked against the declared inputs, rendered without guessing types."""
