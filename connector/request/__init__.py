"""From inputs to a request: validation, templates and the request builder."""
