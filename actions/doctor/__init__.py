"""``doctor``: check the setup (:mod:`.checks`), and measure undocumented behaviour of the API (:mod:`.measure`)."""
