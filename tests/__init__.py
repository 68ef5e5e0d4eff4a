"""Tests: the same paths as the code."""
