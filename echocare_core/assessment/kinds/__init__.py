"""How each kind of output is scored against labels; a new kind is a module here and a line in `every`."""
