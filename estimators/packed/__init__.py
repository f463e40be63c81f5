"""How many weights the tensors of quantised layers stand for, by the layouts of their writers."""
