"""How a managed token is created, rotated, retired and repaired.

:mod:`.rotation` holds the protocols and the state that they work on, :mod:`.effects` what they ask for, and
:mod:`.driver` performs their effects for real.
"""
