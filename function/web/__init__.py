"""HTTP: our own server, and what every handler needs.

server.py listener.py http1.py      strict HTTP/1.1 on gevent, with limits on time and size
call.py answers.py strict_json.py   what comes in, what goes out
overload.py                         the 503 of a full queue, ahead of the framework
cors.py                             which pages may call
operations.py openapi.py            the surface as a table, and as OpenAPI
outbound.py                         one bounded request to somewhere else
"""
