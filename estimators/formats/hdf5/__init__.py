"""HDF5 files, Keras's of every generation among them."""
