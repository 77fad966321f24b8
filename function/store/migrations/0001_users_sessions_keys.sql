-- Times are Unix seconds. Names are in the form in which they are looked up (see names.py).
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    disabled_at BIGINT,
    created_at BIGINT NOT NULL
);

-- One row a login: a family of refresh tokens, of which `generation` counts the rotations.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    secret_hash TEXT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX sessions_of_user ON sessions (user_id);

-- The keys that every instance shares. `number` counts up within a purpose, so that two who make one at once collide.
CREATE TABLE keys (
    purpose TEXT NOT NULL,
    number BIGINT NOT NULL,
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, number)
);
