"""Decisions. Nothing here opens a socket or a file, starts a thread, or asks for the time: `now` is given.

Every module names the upstream file it follows, and is driven by recorded vectors of it (tests/vectors).
"""
