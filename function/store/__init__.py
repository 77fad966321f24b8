"""Users, sessions and keys in a database.

base.py       what a database has to offer, and the plain SQL connection that the rest is written on
locate.py     DATABASE_URL -> where; opens it
sqlite.py     the embedded one
together.py   its writes that share a transaction
postgres.py   the one for several machines
migrations.py numbered SQL files, applied once
users.py sessions.py resets.py keys.py throttle.py outbox.py inbox.py
              the SQL, portable: `?` for parameters, and nothing that only one database knows
"""
