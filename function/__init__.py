"""The login function: a login service as one serverless function.

Read in this order:

    main.py          the framework's target
    app.py           the one service behind it, made at the first request or by our own server
    service.py       the parts of one instance, put together
    routes.py        method and path -> handler; one log line and one count a request
    login.py oauth.py events.py health.py     the handlers
    call.py answers.py errors.py              what comes in, what goes out, what goes wrong
    cloudevent.py strict_json.py              formats
    passwords.py     the hash scheme
    hashing.py admission.py                   who is hashed, and when
    lanes.py gevent_lane.py                   on which threads
    sessions.py tokens.py names.py            refresh tokens, access tokens, user names
    store/           the database
    cli.py           `login-function serve | users ... | settings`
    commands.py accounts.py                   what `users` does
    serve.py         our own server, from start to a clean end
    server.py listener.py http1.py            strict HTTP/1.1 on gevent
    settings.py quota.py logs.py metrics.py
"""
