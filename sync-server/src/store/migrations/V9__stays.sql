-- A record that came back into a scope: when its earlier stays began and ended. A device hears that a record left when its
-- cursor lies inside any stay, the last one or an earlier one; others never had it.
create table stay (
    tenant   integer not null,
    audience blob    not null,
    record   blob    not null,
    entered  integer not null,
    left_at  integer not null,
    primary key (tenant, audience, record, entered)
) strict, without rowid;
