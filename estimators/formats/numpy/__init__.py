"""NumPy's arrays, alone and in zips."""
