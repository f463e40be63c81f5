"""A card's front matter: its keys, its gate, and what stands where."""
