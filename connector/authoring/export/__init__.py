"""Exports of specs for other tools: OpenAPI, JSON Schema and Markdown pages."""
