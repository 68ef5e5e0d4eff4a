"""The primary: what vendors and accounts see."""
