-- What bundles carry, and what this device carries for others.

-- Pending edits that stand in an exported bundle under a dot of the bundle's: an edit made later by somebody who had seen
-- one has seen the other too.
create table carried (
    record   blob    not null check (length(record) = 16),
    bundle   blob    not null check (length(bundle) = 16),      -- the replica id minted for that bundle
    place    integer not null check (place > 0),                -- the counter of its dot there
    replica  blob    not null check (length(replica) = 16),     -- the edit's own dot
    counter  integer not null check (counter > 0),
    number   integer not null,                                  -- the how manieth bundle
    primary key (record, bundle, place)
) strict, without rowid;

create index carried_by_number on carried (number);

-- Closed bundles of other devices, until the office's durable answer. The file lies in the folder of bundles under its hash.
create table envelope (
    hash      blob    primary key check (length(hash) = 32),    -- SHA-256 of the file
    bundle    blob    not null check (length(bundle) = 16),
    size      integer not null check (size > 0),
    offset    integer not null default 0,                       -- bytes the office is known to have
    refused   text,                                             -- the office's verdict; null while it is on its way
    taken_ms  integer not null
) strict, without rowid;
