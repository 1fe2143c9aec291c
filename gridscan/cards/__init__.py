"""Cards: TOML files to validated, frozen records with a canonical form and a hash.

base → what every card is      inputs, counts, responses, materials → numbers
measured, kinds → experiments of any kind      nuisances → how sure they are
resolved → cards together, by paths      scans → axes      study → a scan with all it refers to
migration → studies of older cubes      library → folders of files to cards      files → tables
clusters → where blocks are computed      figures, published → pictures and tables
levels → how far χ² rises
"""
