-- One text for SQLite and PostgreSQL: ids are TEXT, times and durations BIGINT
-- milliseconds, opaque documents TEXT. A column that names another record has a
-- foreign key with ON DELETE CASCADE, so that nothing is left hanging.

-- +goose Up
CREATE TABLE realms (
    id      TEXT    NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL,
    data    TEXT    NOT NULL,
    version BIGINT  NOT NULL
);

CREATE TABLE users (
    realm    TEXT    NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    id       TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    origin   TEXT    NOT NULL,
    disabled BOOLEAN NOT NULL,
    data     TEXT    NOT NULL,
    password TEXT    NOT NULL DEFAULT '',
    version  BIGINT  NOT NULL,
    PRIMARY KEY (realm, id)
);
CREATE INDEX users_by_id ON users (id);

CREATE TABLE rooms (
    realm            TEXT   NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    id               TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    media            TEXT   NOT NULL,
    listening        TEXT   NOT NULL,
    guests           TEXT   NOT NULL,
    members          TEXT   NOT NULL,
    max_participants BIGINT NOT NULL,
    linger           BIGINT NOT NULL,
    data             TEXT   NOT NULL,
    version          BIGINT NOT NULL,
    PRIMARY KEY (realm, id)
);
CREATE INDEX rooms_by_id ON rooms (id);

-- Entries outlive what they tell of, so they refer to nothing. The id begins
-- with the time, so it also gives the order.
CREATE TABLE audit (
    id      TEXT   NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    realm   TEXT   NOT NULL,
    actor   TEXT   NOT NULL,
    action  TEXT   NOT NULL,
    target  TEXT   NOT NULL,
    outcome TEXT   NOT NULL,
    remote  TEXT   NOT NULL,
    detail  TEXT   NOT NULL
);

-- +goose Down
DROP TABLE audit;
DROP TABLE rooms;
DROP TABLE users;
DROP TABLE realms;
