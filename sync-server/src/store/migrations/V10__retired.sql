-- What the office gave up for good. A device that is retired counts no more when something is to be forgotten; what its
-- stores still send under an id they had is held. It returns by its next contact, under a fresh id.
alter table device add column retired_ms integer;               -- since when nobody waits for it
alter table replica add column retired_ms integer;              -- since when this id may say nothing new
-- Cursors below this place have missed what cannot be told any more: their devices start over.
alter table tenant add column floor integer not null default 0;
