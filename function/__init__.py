"""The login function: a login service as one serverless function."""
