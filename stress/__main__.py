"""`python -m stress`; processes that it starts import this module, so it does nothing by itself."""

import os
import sys

if __name__ == "__main__":
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(threads, "1")  # before NumPy: a process a core is the parallelism
    from stress.run import main

    sys.exit(main())
