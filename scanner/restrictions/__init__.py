"""Read declared geographic restrictions. Pure: repository texts and rules in, declarations with their quotes out."""
