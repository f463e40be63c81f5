"""The Hub's answers, one family of addresses a module: requests in, responses out, no sockets."""
