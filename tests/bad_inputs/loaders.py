"""TODO"""

from __future__ import annotations

from bad_inputs.corpus import Case

CASES: list[Case] = []
