-- Records that were erased for privacy: nothing of them comes back, whoever brings it. The row of each audience that saw
-- one stays in `scope` as left, so that devices which were away are told.
create table erased (
    tenant   integer not null,
    record   blob    not null,
    kind     text    not null,
    sequence integer not null,                  -- its place in history: devices past it have been told
    at_ms    integer not null,
    person   blob    not null,
    dropped  integer not null default 0,        -- what arrived for it since and was dropped
    primary key (tenant, record)
) strict, without rowid;
