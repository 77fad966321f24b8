"""CloudEvents, in and out.

cloudevent.py schema.py schemas/        the format; the data of each type
senders.py oidc.py      from whom
once.py provisioning.py     what they do, once
outbox.py delivery.py sink.py       written with what they tell of, then sent
event_settings.py       rows of settings.py
"""
