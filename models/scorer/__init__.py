"""How far an execution is from the correct one."""
