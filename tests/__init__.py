"""Laws that gridscan holds, and published numbers that it finds."""

import os

# two processes run tests, as a rule: threads of linear algebra, which are made when numpy is
# imported, would stand in each other's way
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
