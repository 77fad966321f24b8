-- When the password was last changed: a device token that was issued before then makes no device known.
ALTER TABLE users ADD COLUMN devices_from BIGINT NOT NULL DEFAULT 0;
