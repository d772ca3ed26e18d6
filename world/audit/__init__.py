"""What happened, from the log alone: hazards, and the metrics over many episodes."""

from __future__ import annotations

from .hazards import audit_episode
from .report import EpisodeReport, Evidence, Finding

__all__ = ["EpisodeReport", "Evidence", "Finding", "audit_episode"]
