"""How many pages a document has, counted in a child process that can do no harm.

Empty on purpose: the child imports this package too, and should start fast.
"""
