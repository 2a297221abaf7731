"""The company register: KBO/BCE Open Data, read from its extracts, kept apart from what people typed."""
