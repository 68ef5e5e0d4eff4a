"""What is wrong with a primary, in words, with the cure; works while it runs and while not."""
