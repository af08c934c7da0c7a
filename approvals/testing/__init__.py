"""Fakes and contract suites that a plug-in author imports too."""
