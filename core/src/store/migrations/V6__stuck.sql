-- Records whose pending edits do not get through though others do: what happens to them, since when, and in which order
-- they were tried. They stay pending, and are sent one by one after everything else.
create table stuck (
    record   blob    primary key check (length(record) = 16),
    code     text    not null,
    since_ms integer not null,                                  -- on the device's clock
    tried    integer not null                                   -- place in the order of tries: the highest was tried last
) strict, without rowid;
