-- Processes of this login that count as alive. $1 the boot and namespace that they have registered. No row when there are none.
select p.worker_id, p.host_process
from lamplighter.list_host_processes($1) as p
