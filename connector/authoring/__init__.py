"""For those who write connectors: the schema of the spec language, new folders, ejected actions, recorded examples."""
