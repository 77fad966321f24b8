"""The login function: a login service as one serverless function.

Read in this order:

    main.py       the framework's target; app.py  the one service behind it
    cli.py        `login-function serve | users ... | settings`; commands.py  what `users` does; accounts.py  import
    and export serve.py      our own server, from start to a clean end; server.py, http1.py  strict HTTP/1.1 on gevent
    routes.py     method and path -> handler; call.py, answers.py, errors.py  what comes in, what goes out login.py
    oauth.py events.py health.py   the handlers service.py    the parts of one instance, put together passwords.py
    the hash scheme; hashing.py, admission.py  who gets hashed, when; lanes.py, gevent_lane.py  on which threads
    sessions.py   refresh tokens; tokens.py  access tokens; names.py  user names store/        the database
    settings.py quota.py logs.py metrics.py
"""
