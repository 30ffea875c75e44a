"""The token page: the actions as pages for a browser on the same computer."""
