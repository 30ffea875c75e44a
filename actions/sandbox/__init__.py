"""A local server that behaves like the Personal Access Token API, for trying out and for tests.

It is written from https://docs.locoia.com/api/authentication-with-our-api and is not Locoia's software.  What the page
leaves open is a switch (:mod:`.behaviour`), and failures on the way are scripted (:mod:`.faults`).  Connector Auths and
Connectors are there so that scopes can be tried on them (:mod:`.entity_endpoints`).
"""
