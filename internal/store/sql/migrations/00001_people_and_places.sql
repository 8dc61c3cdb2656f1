-- One text for SQLite and PostgreSQL: ids are TEXT, times and durations BIGINT
-- milliseconds, opaque documents TEXT. A column that names another record has a
-- foreign key with ON DELETE CASCADE, so that nothing is left hanging, and an
-- index, so that deleting need not read the whole table. Ids are unique in their
-- realm, so the realm is part of every key.

-- +goose Up
CREATE TABLE realms (
    id      TEXT    NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL,
    data    TEXT    NOT NULL,
    version BIGINT  NOT NULL
);

CREATE TABLE projects (
    realm   TEXT    NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    id      TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    data    TEXT    NOT NULL,
    version BIGINT  NOT NULL,
    PRIMARY KEY (realm, id)
);
CREATE INDEX projects_by_id ON projects (id);

CREATE TABLE users (
    realm    TEXT    NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    id       TEXT    NOT NULL,
    project  TEXT,   -- NULL: of the realm itself
    name     TEXT    NOT NULL,
    origin   TEXT    NOT NULL,
    disabled BOOLEAN NOT NULL,
    data     TEXT    NOT NULL,
    password TEXT    NOT NULL DEFAULT '',
    version  BIGINT  NOT NULL,
    PRIMARY KEY (realm, id),
    FOREIGN KEY (realm, project) REFERENCES projects (realm, id) ON DELETE CASCADE
);
CREATE INDEX users_by_id ON users (id);
CREATE INDEX users_by_project ON users (realm, project);

CREATE TABLE logins (
    hash       TEXT    NOT NULL PRIMARY KEY,
    realm      TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    client     TEXT    NOT NULL,
    created    BIGINT  NOT NULL,
    expires    BIGINT  NOT NULL,
    superseded BOOLEAN NOT NULL,
    FOREIGN KEY (realm, user_id) REFERENCES users (realm, id) ON DELETE CASCADE
);
CREATE INDEX logins_by_user ON logins (realm, user_id, client);
CREATE INDEX logins_by_expiry ON logins (expires);

CREATE TABLE roles (
    realm   TEXT    NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    id      TEXT    NOT NULL,
    project TEXT,   -- NULL: of the realm itself
    name    TEXT    NOT NULL,
    data    TEXT    NOT NULL,
    version BIGINT  NOT NULL,
    PRIMARY KEY (realm, id),
    FOREIGN KEY (realm, project) REFERENCES projects (realm, id) ON DELETE CASCADE
);
CREATE INDEX roles_by_id ON roles (id);
CREATE INDEX roles_by_project ON roles (realm, project);

CREATE TABLE members (
    realm   TEXT NOT NULL,
    role_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (realm, role_id, user_id),
    FOREIGN KEY (realm, role_id) REFERENCES roles (realm, id) ON DELETE CASCADE,
    FOREIGN KEY (realm, user_id) REFERENCES users (realm, id) ON DELETE CASCADE
);
CREATE INDEX members_by_user ON members (realm, user_id);

CREATE TABLE rooms (
    realm            TEXT   NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    id               TEXT   NOT NULL,
    project          TEXT,  -- NULL: of the realm itself
    name             TEXT   NOT NULL,
    media            TEXT   NOT NULL,
    listening        TEXT   NOT NULL,
    guests           TEXT   NOT NULL,
    members          TEXT   NOT NULL,
    max_participants BIGINT NOT NULL,
    linger           BIGINT NOT NULL,
    data             TEXT   NOT NULL,
    version          BIGINT NOT NULL,
    PRIMARY KEY (realm, id),
    FOREIGN KEY (realm, project) REFERENCES projects (realm, id) ON DELETE CASCADE
);
CREATE INDEX rooms_by_id ON rooms (id);
CREATE INDEX rooms_by_project ON rooms (realm, project);

CREATE TABLE permissions (
    realm   TEXT NOT NULL,
    role_id TEXT NOT NULL,
    room_id TEXT NOT NULL,
    access  TEXT NOT NULL,
    PRIMARY KEY (realm, role_id, room_id),
    FOREIGN KEY (realm, role_id) REFERENCES roles (realm, id) ON DELETE CASCADE,
    FOREIGN KEY (realm, room_id) REFERENCES rooms (realm, id) ON DELETE CASCADE
);
CREATE INDEX permissions_by_room ON permissions (realm, room_id);

CREATE TABLE administrators (
    realm   TEXT NOT NULL,
    project TEXT, -- NULL: of the whole realm
    user_id TEXT NOT NULL,
    FOREIGN KEY (realm, project) REFERENCES projects (realm, id) ON DELETE CASCADE,
    FOREIGN KEY (realm, user_id) REFERENCES users (realm, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX administrators_key ON administrators (realm, COALESCE(project, ''), user_id);
CREATE INDEX administrators_by_project ON administrators (realm, project);
CREATE INDEX administrators_by_user ON administrators (realm, user_id);

-- A table for each kind of owner, so that documents go with their owner. The
-- owner of a realm's documents is ''.
CREATE TABLE realm_documents (
    realm   TEXT   NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    owner   TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    body    TEXT   NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (realm, owner, name)
);

CREATE TABLE role_documents (
    realm   TEXT   NOT NULL,
    owner   TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    body    TEXT   NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (realm, owner, name),
    FOREIGN KEY (realm, owner) REFERENCES roles (realm, id) ON DELETE CASCADE
);

CREATE TABLE user_documents (
    realm   TEXT   NOT NULL,
    owner   TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    body    TEXT   NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (realm, owner, name),
    FOREIGN KEY (realm, owner) REFERENCES users (realm, id) ON DELETE CASCADE
);

CREATE TABLE preferences (
    realm   TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    role_id TEXT   NOT NULL,
    room_id TEXT   NOT NULL,
    mode    TEXT   NOT NULL,
    volume  BIGINT NOT NULL,
    PRIMARY KEY (realm, user_id, role_id, room_id),
    FOREIGN KEY (realm, user_id) REFERENCES users (realm, id) ON DELETE CASCADE,
    FOREIGN KEY (realm, role_id) REFERENCES roles (realm, id) ON DELETE CASCADE,
    FOREIGN KEY (realm, room_id) REFERENCES rooms (realm, id) ON DELETE CASCADE
);
CREATE INDEX preferences_by_role ON preferences (realm, role_id);
CREATE INDEX preferences_by_room ON preferences (realm, room_id);

-- Entries outlive what they tell of, so they refer to nothing. The id begins
-- with the time of arrival, so it also gives the order.
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
CREATE INDEX audit_by_time ON audit (at);

-- +goose Down
DROP TABLE audit;
DROP TABLE preferences;
DROP TABLE user_documents;
DROP TABLE role_documents;
DROP TABLE realm_documents;
DROP TABLE administrators;
DROP TABLE permissions;
DROP TABLE rooms;
DROP TABLE members;
DROP TABLE roles;
DROP TABLE logins;
DROP TABLE users;
DROP TABLE projects;
DROP TABLE realms;
