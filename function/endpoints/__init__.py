"""The handlers; routes.py says at which paths.

login.py second_step.py     the way in, and its second step
selfservice.py mfa.py       one's own password and second factor; sign-up and reset
oauth.py introspection.py discovery.py      refresh, logout, revoke, userinfo; for resource servers
events.py mailer.py         CloudEvents, and what a mailer exchanges
health.py                   probes and metrics
"""
