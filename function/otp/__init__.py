"""The second factor (RFC 6238).

totp.py recovery.py challenges.py       codes, recovery codes, and what a right password gets before its code
second_factor.py        counted and judged in one transaction
"""
