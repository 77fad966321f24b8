-- Tokens that set a new password, once. Of a token there is but the hash.
CREATE TABLE password_resets (
    token_hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE INDEX password_resets_of_user ON password_resets (user_id);
