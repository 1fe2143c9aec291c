"""Cards: TOML files to validated, frozen records with a canonical form and a hash."""
