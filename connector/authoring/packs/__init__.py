"""Packs: connectors as archives that can be shared, because they hold data and declare what they may do.

``archive`` reads and writes the bytes, ``content`` says which files a pack may hold, ``manifest`` what a pack declares,
``permissions`` what it may do, ``pack`` builds and verifies one, ``registry`` installs
packs and ``lock_file`` pins them.
"""
