"""From frames to shots, from shots to clips."""
