"""Running networks, and the little geometry that every detector needs: for measures here and in plugins."""
