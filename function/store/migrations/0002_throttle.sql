-- Times are Unix milliseconds. `account` is the SHA-256 of a name, for what is typed as a name may be a password; empty
-- stands for every account. `origin` is a network, a device, or empty for every one of them.
CREATE TABLE throttle (
    account TEXT NOT NULL,
    origin TEXT NOT NULL,
    level BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    total BIGINT NOT NULL,
    keep BIGINT NOT NULL,
    PRIMARY KEY (account, origin)
);

CREATE INDEX throttle_forgotten ON throttle (keep, level);

-- A password that is being checked now. What outlives `expires_at` belongs to an instance that was killed.
CREATE TABLE evaluations (
    account TEXT NOT NULL,
    origin TEXT NOT NULL,
    id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account, origin, id)
);
