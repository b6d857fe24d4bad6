"""The report: an assessment for somebody who decides, as one HTML file that needs nothing else.

``panels`` and ``sections`` turn an assessment into sentences, tables and charts as values; ``judgement`` says what the
numbers carry and what they do not; ``plotly_charts`` and ``svg_charts`` draw; ``page`` puts it into the template.
"""

from __future__ import annotations

from neurokit.assessment.report.page import to_html

__all__ = ["to_html"]
