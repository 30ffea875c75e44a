"""How a managed token is created, rotated, retired and repaired: pure machines.

A machine is a generator that yields what touches the outside (:mod:`.effects`) and receives what came of it, so the
same code runs for real and under every fault of the model in ``tests/properties``.  They have no network, clock,
environment or chance.
"""
