"""The comparison as a page: python -m tests.literature > literature.md"""

from tests.literature.quantities import QUANTITIES, rows
from tests.literature.test_published import holds

print("# Published numbers and ours\n")
print("| paper | quantity | place | published | ours | difference | tolerance | verdict |")
print("|---|---|---|---|---|---|---|---|")
causes = []
for row in rows():
    ours, published = QUANTITIES[row["id"]](), float(row["published"])
    tolerance = f"{row['tolerance']}{' (relative)' if row['relative'] == 'yes' else ''}"
    verdict = "holds" if holds(row, ours) else "**differs**"
    cells = (row["paper"], row["quantity"], row["place"], row["published"], f"{ours:.7g}",
             f"{ours - published:+.2g}", tolerance, verdict)  # fmt: skip
    print("| " + " | ".join(cells) + " |")
    if row["cause"]:
        causes.append(f"- {row['quantity']}: {row['cause']}")
if causes:
    print("\nWhere they differ, and why:\n")
    print("\n".join(causes))
