-- Finding damage: a checksum beside everything a device keeps of the office's and of its own, what is to be asked for
-- whole, and own entries that were set aside. Rows from before get their checksum when they are first looked at. What
-- the files of photos take is kept within a quota, so it is known which are here and when each was last used.
alter table record add column check_hash blob check (length(check_hash) = 32);  -- of theirs, as it was delivered
alter table pending add column check_hash blob check (length(check_hash) = 32); -- of edit, as it was entered
alter table blob add column used integer not null default 0;                    -- place in the order of last use
alter table blob add column here integer not null default 1 check (here in (0, 1)); -- 0: its file was let go, the office has it

-- Records that are not what the office holds, until it has sent them whole.
create table repair (
    record blob primary key check (length(record) = 16)
) strict, without rowid;

-- Own entries that are not what was entered: kept for a person, sent to nobody.
create table damaged (
    id     integer primary key,
    record blob    not null check (length(record) = 16),
    kind   text    not null,
    edit   blob    not null,                                    -- as found; it may not even be readable
    at_ms  integer not null                                     -- when it was found, on the device's clock
) strict;

-- Pieces of a record that is larger than a page, until all of them are here.
create table piece (
    record     blob primary key check (length(record) = 16),
    check_hash blob not null check (length(check_hash) = 32),   -- of the whole record they are pieces of
    body       blob not null                                    -- CBOR of the record as far as it is here
) strict, without rowid;
