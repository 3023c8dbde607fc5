"""What is already known: facts by key, blobs by content, and weights."""
