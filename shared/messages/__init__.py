"""What travels between gateway and primary: envelopes, topics, facts, feed pages, commands, calls.

Messages outlive releases: fields are added, never changed; readers skip what they do not know.
"""
