"""What `login-function ...` does, but for serving.

commands.py accounts.py imports/        users
key_commands.py client_commands.py outbox_commands.py       keys, clients, the outbox
checkup.py calibrate.py     what is misconfigured; what a storm takes
"""
