"""Is the recipe right? Verdicts against labelled footage, thresholds that would do better, and target yields."""
