"""What changed between two versions of specs: each change by its class, and the version and the line that it asks for.

``change`` is one change, ``inputs`` and ``outputs`` compare what an action takes and gives, ``specs`` compares
actions and connectors, ``sides`` reads what is compared, and ``summary`` makes the version and the changelog line.
"""
