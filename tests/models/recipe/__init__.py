"""How the small models of this folder are made."""
