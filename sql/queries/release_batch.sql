-- Gives a batch back uncharged, see lamplighter.release_batch. $1 batch, $2 process, $3 pause in ms. One row.
select lamplighter.release_batch($1, $2, $3) as is_released
