"""Ways to read a file in pieces, and the encodings that several formats share."""
