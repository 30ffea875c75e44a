"""Packs: connectors as archives that strangers can share, for they hold data and say what they may do.

``archive`` is the bytes, ``content`` what may stand in them, ``manifest`` what they say of themselves, ``pack`` the
whole, made or verified, ``permissions`` what a pack may do and what a new version may do beside it, ``installed`` the
packs on this computer and ``lock`` the file that pins them.
"""
