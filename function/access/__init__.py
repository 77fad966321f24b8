"""Sessions, tokens, and the keys that sign them.

sessions.py tokens.py       refresh tokens, access tokens
keyring.py rotation.py signing.py sealing.py        the keys: at hand, in time, as such, at rest
client_credentials.py       resource servers that may ask
"""
