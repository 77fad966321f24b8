"""Users from files, and into one.

batch.py      a whole file or nothing, and the report of what is wrong in it
records.py    files as numbered records; what a record may become
ours.py       JSON lines and CSV of our own, and their export
keycloak.py supabase.py     what these systems export
"""
