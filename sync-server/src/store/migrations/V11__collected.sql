-- Records that were deleted, of which everybody was told, and that are kept no more. The id is used up: nothing that
-- arrives for it makes a record again. After a restore the record may stand here once more, deleted, until it is collected
-- again. History keeps what it says.
create table collected (
    tenant   integer not null,
    record   blob    not null,
    kind     text    not null,
    sequence integer not null,                  -- its place in history: devices past it have been told
    deleted  integer not null,                  -- the place of its last change, which everybody had confirmed
    at_ms    integer not null,
    person   blob    not null,
    proof    blob    not null,                  -- CBOR: the devices that were waited for, and how far each had confirmed
    named    blob    not null,                  -- CBOR: the records it named, so that erasing one of them finds it
    has_marks integer not null default 1 check (has_marks in (0, 1)),   -- whether audiences still say that it left them
    primary key (tenant, record)
) strict, without rowid;
-- When a server last began to serve this database. Whoever was not heard of since may know that it is an older copy.
alter table tenant add column started_ms integer not null default 0;
