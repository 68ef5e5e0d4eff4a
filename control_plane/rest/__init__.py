"""REST API v1: what all its routes share."""
