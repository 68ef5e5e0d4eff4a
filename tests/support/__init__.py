"""What several tests share: builders, fakes, running programs."""
