"""What people may argue about, as data with source and date, and the loader that checks it once."""
