"""The login function: a login service as one serverless function.

Read in this order:

    main.py app.py      the framework's target, and the one service behind it
    cli.py commands.py accounts.py imports/     `login-function serve | settings | users ... | check | calibrate`
    serve.py server.py listener.py http1.py     our own server: strict HTTP/1.1 on gevent, from start to a clean end
    routes.py           method and path -> handler
    call.py answers.py errors.py        what comes in, what goes out
    login.py selfservice.py oauth.py events.py health.py        the handlers
    cloudevent.py schema.py senders.py oidc.py once.py provisioning.py      events in: from whom, and what they do
    outbox.py delivery.py sink.py outbound.py mailer.py     events out: written with what they tell of, then sent
    openapi.py operations.py cors.py    the surface in one table; which pages may call it
    service.py          the parts of one instance, put together
    passwords.py policy.py hashing.py admission.py      the hash scheme; what may be set; who gets hashed, and when
    throttle.py gate.py devices.py networks.py      who may guess how often, and who counts as one
    lanes.py gevent_lane.py     on which threads
    lifecycle.py sessions.py tokens.py resets.py names.py        refresh, access and reset tokens, user names
    mfa.py second_step.py second_factor.py      the second factor: one's own, at login, and what both stand on
    totp.py recovery.py challenges.py       codes, recovery codes, and what a right password gets before its code
    keyring.py rotation.py signing.py sealing.py        the keys that sign: at hand, in time, as such, at rest
    introspection.py client_credentials.py discovery.py     for resource servers: is it good, who asks, what is where
    key_commands.py client_commands.py outbox_commands.py      `login-function keys | clients | outbox ...`
    store/              the database
    settings.py event_settings.py kinds.py quota.py logs.py metrics.py
    checkup.py calibrate.py     what is misconfigured; what a storm takes
"""
