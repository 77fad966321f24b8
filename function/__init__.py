"""The login function: a login service as one serverless function.

Read in this order:

    main.py app.py      the framework's targets, and the one service behind them
    serve.py            our own server, from start to a clean end
    routes.py           method and path -> handler
    service.py          the parts of one instance, put together

    web/                HTTP: the server, requests and answers, the surface as a table
    endpoints/          the handlers
    credentials/        names and passwords
    pool/               who gets hashed, when, and on which threads
    guard/              who may guess how often
    access/             sessions, tokens, and the keys that sign them
    otp/                the second factor
    eventing/           CloudEvents in and out
    store/              the database
    administration/     what the command line does

    cli.py settings.py kinds.py errors.py logs.py metrics.py

Each room's own __init__ says what is in it.
"""
