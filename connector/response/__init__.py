"""What a response means: its outcome, its outputs, its error message and the next page."""
