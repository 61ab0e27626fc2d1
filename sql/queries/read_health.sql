-- Reads what of the server may stand in the way of all. One row; xmin_age_s is null where no transaction is known.
select h.notification_queue_usage, h.xmin_age_s, h.autovacuum_lag, h.invalid_indexes
from lamplighter.read_health() as h
