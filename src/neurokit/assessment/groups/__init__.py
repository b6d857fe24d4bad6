"""Groups: how well a model does for each group of people or things, and how far apart they are.

``by_group`` compares; ``sensitive`` reads what makes groups, ``metrics`` and ``statistics`` are what is measured,
``gaps`` the intervals of how far apart, and ``report`` what is told.
"""

from __future__ import annotations

from neurokit.assessment.groups.comparing import by_group
from neurokit.assessment.groups.report import Gap, Group, GroupReport

__all__ = ["by_group", "Group", "Gap", "GroupReport"]
