"""Cards: TOML files to validated, frozen records with a canonical form and a hash.

base → what every card is
inputs, experiments, nuisances, responses, materials → numbers
resolved → them together, by paths      scans → axes     study → a scan with all that it refers to
figures, published → pictures and tables   files, library → folders of files to cards
"""
