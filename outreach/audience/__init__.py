"""Companies, the contacts at them, why each may be mailed, and the files they come from."""
