"""The demo: one site on one computer, built with the two commands that everybody uses."""
