"""Regulations as data, one file each."""
