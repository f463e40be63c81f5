"""One module a format; families of formats that share code have a package of their own."""
