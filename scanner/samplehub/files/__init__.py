"""Writers of the sample Hub's files: real bytes where a reader looks, zeros made on the fly everywhere else."""
