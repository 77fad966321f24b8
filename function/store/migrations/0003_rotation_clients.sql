-- From which moment on a signing key signs; all of them share one purpose.
ALTER TABLE keys ADD COLUMN signs_from BIGINT NOT NULL DEFAULT 0;

UPDATE keys SET purpose = 'sign', signs_from = created_at WHERE purpose = 'sign-es256';

-- Who may introspect tokens: a resource server each.
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
