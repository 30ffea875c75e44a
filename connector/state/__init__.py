"""State that outlives one run: the journal of managed names, and a lease for each."""
