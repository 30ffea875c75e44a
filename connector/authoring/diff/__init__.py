"""What changed between two versions of specs, and which version number that requires.

``spec_set`` loads what is compared, ``compare`` finds the changes, ``comparison`` sums them up.
"""
