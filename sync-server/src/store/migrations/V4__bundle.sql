-- Bundles that were carried to the office, and which edits came with one: so that a bundle counts once, the author's own
-- later push of the same edit is recognised, and history can say which way something came.

create table bundle (
    tenant     integer not null,
    replica    blob    not null check (length(replica) = 16),   -- names the bundle; the dots in history carry it
    device     blob    not null,                                -- the author's
    person     blob    not null,                                -- the author
    number     integer not null,                                -- the how manieth of that device
    made_ms    integer not null,                                -- on the device's clock
    arrived_ms integer not null,
    by_person  blob,                                            -- who imported it
    by_device  blob,                                            -- or the device that brought it along
    file_hash  blob    not null check (length(file_hash) = 32),
    size       integer not null,
    blobs      integer not null,                                -- photos and files that came with it
    report     blob    not null,                                -- CBOR: what became of each edit, without its content
    primary key (tenant, replica)
) strict, without rowid;
create index bundle_file on bundle (tenant, file_hash);
create index bundle_device on bundle (tenant, device);
create index bundle_arrived on bundle (tenant, arrived_ms);

create table carried (
    tenant  integer not null,
    record  blob    not null,
    said    blob    not null check (length(said) = 32),         -- group, fields and stamp: the edit whatever its dot
    replica blob    not null check (length(replica) = 16),
    counter integer not null,
    is_held integer not null check (is_held in (0, 1)),         -- it was kept aside, not applied
    primary key (tenant, record, said)
) strict, without rowid;
