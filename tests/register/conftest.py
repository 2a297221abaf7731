"""What tests of the register share: the maker of extracts, and one written by hand, row by row."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
