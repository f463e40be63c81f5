"""What is to be told, to whom and where: composed once with the run it is about, sent once, later if need be."""
