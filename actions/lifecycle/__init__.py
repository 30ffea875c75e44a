"""How a managed token is created, rotated, retired and repaired.

:mod:`.rotation` holds the protocols, :mod:`.effects` what they ask for, :mod:`.name_state` what they know, and
:mod:`.driver` performs their effects for real.
"""
