"""Segments: named rules over companies and contacts, files in `segments/`, compiled to one SQL statement."""

from outreach.audience.segments.compiling import contact_ids
from outreach.audience.segments.counting import Explanation, Sampled, SegmentCount, Step, count, explain, sample, size
from outreach.audience.segments.files import Segment, available, load, parse
from outreach.audience.segments.naming import check_names, unknown_names
from outreach.audience.segments.schema import schema

__all__ = [
    "Explanation",
    "Sampled",
    "Segment",
    "SegmentCount",
    "Step",
    "available",
    "check_names",
    "contact_ids",
    "count",
    "explain",
    "load",
    "parse",
    "sample",
    "schema",
    "size",
    "unknown_names",
]
