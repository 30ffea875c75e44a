"""Secrets: the type that holds them, their encoded forms, and how they are detected."""
