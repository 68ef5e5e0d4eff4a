"""What the primary and the gateway both say and mean; imports nothing else of ours."""
