"""Cards: TOML files to validated, frozen records with a canonical form and a hash.

base → what every card is      inputs, experiments, counts, responses, materials → numbers
measured, kinds → experiments of any kind      resolved → cards together, by paths
scans → axes      study → a scan with all that it refers to      migration → those of older cubes
figures, published → pictures and tables      files, library → folders of files to cards
"""
