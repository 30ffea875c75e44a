"""The actions over HTTP, for flow engines on other computers: the same connector, behind keys."""
