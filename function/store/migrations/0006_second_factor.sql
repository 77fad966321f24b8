-- The authenticator of a user; `confirmed_at` is null until its first code has come. `secret` is sealed, see
-- second_factor.py. `step` is the last RFC 6238 time step that was accepted.
CREATE TABLE totp (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    step BIGINT NOT NULL
);

-- Hashes of the recovery codes that are left.
CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL,
    PRIMARY KEY (user_id, hash)
);

-- Challenges that have led to a login, until they expire.
CREATE TABLE spent_challenges (
    id TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX spent_challenges_expiry ON spent_challenges (expires_at);

-- How the user proved to be the user (RFC 8176), separated by spaces.
ALTER TABLE sessions ADD COLUMN amr TEXT NOT NULL DEFAULT 'pwd';
