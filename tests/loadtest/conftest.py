"""`loadtest` is a folder of programs, not an installed package: what imports it stands at the project's root."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
