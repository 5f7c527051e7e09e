"""How well it works, told honestly: truth beside result on data that nothing was fitted to."""
