"""The spec language: its models, its rules and how specs are loaded."""
