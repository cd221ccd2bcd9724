-- The records a device holds, what it entered and nobody has answered yet, and what it must remember to sync safely.
-- Identifiers are 16-byte blobs, hashes 32; instants are integer milliseconds UTC.

-- Everything the store knows about itself, one CBOR value per name; the names are the constants of store/meta.rs.
create table meta (
    name   text primary key,
    value  blob not null
) strict, without rowid;

create table record (
    id          blob    primary key check (length(id) = 16),
    kind        text    not null,
    work_order  blob    check (length(work_order) = 16),        -- of the shown main group; null for what hangs below none
    theirs      blob,                                           -- the office's record exactly as delivered, CBOR; null: never
    seal        blob    check (length(seal) = 16),              -- the office's seal over theirs
    mixed       blob,                                           -- what is shown, when it is not simply theirs
    shown       blob    as (coalesce(mixed, theirs)) virtual not null,
    conflicts   integer not null default 0,                     -- groups in which a person must decide
    counter     integer not null default 0,                     -- highest own counter ever minted for this record
    leaving     integer not null default 0 check (leaving in (0, 1))
) strict;

create index record_by_order on record (work_order) where work_order is not null;
create index record_by_kind on record (kind);
create index record_in_conflict on record (id) where conflicts > 0;
create index record_leaving on record (id) where leaving = 1;

-- Edits without an answer. State, not a queue: an edit replaces the pending ones its author had seen, and leaves only by
-- the office's answer to exactly that edit.
create table pending (
    record   blob    not null check (length(record) = 16),
    replica  blob    not null check (length(replica) = 16),
    counter  integer not null check (counter > 0),
    "group"  text    not null,
    edit     blob    not null,                                  -- CBOR
    content  blob    not null check (length(content) = 32),     -- hash of what the dot means
    made     integer not null,                                  -- order in which records are pushed: what is referred to first
    primary key (record, replica, counter)
) strict, without rowid;

create index pending_by_made on pending (made);

-- Edits the office answered without applying them, kept until they are tried again or a person discards them.
create table drawer (
    id          integer primary key,
    record      blob    not null check (length(record) = 16),
    kind        text    not null,
    work_order  blob    check (length(work_order) = 16),
    edit        blob    not null,                               -- CBOR, with its original context; its dot is dead
    state       text    not null check (state in ('refused', 'held', 'superseded')),
    code        text    not null,
    at_ms       integer not null
) strict;

create index drawer_by_record on drawer (record);

-- What the office once said and seems to have forgotten, until it answers the offer.
create table offer (
    id       integer primary key,
    record   blob    not null check (length(record) = 16),
    body     blob    not null,                                  -- CBOR of the record
    seal     blob    check (length(seal) = 16),
    unnamed  integer not null check (unnamed in (0, 1))         -- a walk from the start did not name it
) strict;

create index offer_by_record on offer (record);

-- During a walk from the start: what the office has not named yet.
create table unnamed (
    record  blob primary key check (length(record) = 16)
) strict, without rowid;

-- Pushes sent since the last acknowledged one.
create table push_id (
    id    blob primary key check (length(id) = 16),
    made  integer not null
) strict, without rowid;

-- Dots sent since the last acknowledged push.
create table sent_dot (
    record   blob    not null check (length(record) = 16),
    replica  blob    not null check (length(replica) = 16),
    counter  integer not null,
    content  blob    not null check (length(content) = 32),
    primary key (record, replica, counter, content)
) strict, without rowid;

-- Each change of the replica id, so that versions which open screens still hold can be brought over.
create table restamp (
    seq   integer primary key,
    body  blob not null                                         -- CBOR of sync/identity.rs's Restamp
) strict;

-- Photos and files. The content lies in the folder of blobs under its hash.
create table blob (
    attachment  blob    primary key check (length(attachment) = 16),
    hash        blob    not null check (length(hash) = 32),
    size        integer not null check (size >= 0),
    direction   text    not null check (direction in ('up', 'down')),
    offset      integer not null default 0,                     -- bytes the other side is known to have, or that arrived here
    state       text    not null check (state in ('waiting', 'done', 'refused')),
    made        integer not null
) strict, without rowid;

create index blob_by_hash on blob (hash);
create index blob_waiting on blob (made) where state = 'waiting';
