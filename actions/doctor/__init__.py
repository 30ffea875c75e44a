"""``doctor``: what stands in the way (:mod:`.look`), and what the API's documentation leaves open (:mod:`.measure`)."""
