-- Events on their way to K_SINK (see store/outbox.py). `subject` is the user's id, `position` counts within it. Times are
-- Unix seconds. `due_at` is when to try next; while `holder`, an instance, sends it, when that counts as lost.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    position BIGINT NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    worth BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    holder TEXT NOT NULL,
    parked BIGINT NOT NULL,
    failure TEXT NOT NULL
);

CREATE INDEX outbox_of_subject ON outbox (subject, position);

CREATE INDEX outbox_due ON outbox (parked, due_at);

-- Events that came and were done, with the reply that was given, so that a second delivery does nothing.
CREATE TABLE inbox (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    reply TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (source, id)
);

CREATE INDEX inbox_received ON inbox (received_at);
