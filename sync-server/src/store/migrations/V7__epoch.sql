-- Where an epoch began: what was restored, and how far history had gone before, as far as devices can prove it.
create table epoch (
    tenant   integer not null,
    epoch    integer not null,
    began_ms integer not null,
    sequence integer not null,                  -- last place in history of what was restored
    claimed  integer not null,                  -- the highest place that a device's sealed cursor proves for the time before
    primary key (tenant, epoch)
) strict, without rowid;
