"""Who somebody is, and the password that shows it.

names.py        one spelling of a user's name
passwords.py    the hash scheme
engine.py       what compares with bcrypt: one hash at a time, or several
interleaved/    several bcrypt hashes in the time of one (C, optional), imported as _interleaved
policy.py       which passwords may be set
resets.py       tokens for a forgotten one
lifecycle.py    what becomes of users, and that it is told
"""
