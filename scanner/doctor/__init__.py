"""`hubscope doctor`: is everything there that the service needs, and if not, what is to be done.

Facts are gathered first, from the Hub, from Slack and from the catalogue, each within a time limit; then small checks
look at them, one after the other, and none depends on another. A new check is a function and a line in `registry`.
"""
