"""The Personal Access Token API on this computer: the API page as a server, for trying out and for tests.

It is a stand-in written from https://docs.locoia.com/api/authentication-with-our-api, not Locoia's software.  What the
page leaves open is a switch (``behaviour``), what can go wrong on the way is a script (``fault``, ``faults``), and
Connector Auths and Connectors are there to have scopes tried on them (``entities``).
"""
