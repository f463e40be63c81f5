"""A Report in, a text out; pure. Human formats go by way of a Document (document.py), data formats do not."""
