/**
 * Who may do what, as `privilege-table.ts` reads it. A session of each of these roles tries everything:
 * the superuser; the owner, who is none; A and B, who were granted the use; a login that did SET ROLE A; a login that inherits A's
 * rights without it; a worker's role; a monitor's; a role with nothing. A new table, column or function has to be entered here.
 */
export const PRIVILEGES = `
# superuser
# | owner
# | | A
# | | | B
# | | | | SET ROLE A
# | | | | | member of A
# | | | | | | worker
# | | | | | | | monitor
# | | | | | | | | stranger
+ + + + + + . . .  public.steadytext_queue delete
+ + + + + + . . .  public.steadytext_queue insert (request_id, id, function_name, parameters, status, result, error)
+ + + + + + . . .  public.steadytext_queue insert (priority, created_at, started_at, completed_at, failed_at)
+ + + + + + . . .  public.steadytext_queue insert (retry_count, username, model, batch_id, worker_id, attempt)
+ + + + + + . . .  public.steadytext_queue insert (run_at, traceparent)
+ + + + + + . . .  public.steadytext_queue lock-rows
+ + + + + + . . .  public.steadytext_queue lock-table
+ + + + + + . . .  public.steadytext_queue select (request_id, id, function_name, parameters, status, result, error)
+ + + + + + . . .  public.steadytext_queue select (priority, created_at, started_at, completed_at, failed_at)
+ + + + + + . . .  public.steadytext_queue select (retry_count, username, model, batch_id, worker_id, attempt)
+ + + + + + . . .  public.steadytext_queue select (run_at, traceparent)
+ + + + + + . . .  public.steadytext_queue update (status, retry_count, priority)
+ + . . . . . . .  public.steadytext_queue *
+ + . . . . . . .  public.steadytext_queue_id_seq *

+ + + + + + . . .  public.steadytext_cancel_async execute
+ + + + + + . . .  public.steadytext_wait_batch execute
+ + + + + + . . .  public.steadytext_batch_progress execute
+ + + + + + . . .  public.steadytext_embed_table execute
+ + + + + + . . .  public.steadytext_check_async execute
+ + + + + + . . .  public.steadytext_check_async_batch execute
+ + + + + + . . .  public.steadytext_embed_async execute
+ + + + + + . . .  public.steadytext_embed_batch_async execute
+ + + + + + . . .  public.steadytext_embedding execute
+ + + + + + . . .  public.steadytext_generate_async execute
+ + + + + + . . .  public.steadytext_generate_batch_async execute
+ + + + + + . . .  public.steadytext_generate_choice_async execute
+ + + + + + . . .  public.steadytext_generate_json_async execute
+ + + + + + . . .  public.steadytext_generate_regex_async execute
+ + + + + + . . .  public.steadytext_get_async_result execute
+ + + + + + . . .  public.steadytext_drop_handler execute
+ + + + + + . . .  public.steadytext_on_completed execute
+ + . . . . . . .  public.steadytext_pause execute
+ + + + + + . . .  public.steadytext_prune execute
+ + + + + + . . .  public.steadytext_queue_stats execute
+ + + + + + . . .  public.steadytext_rerank_async execute
+ + . . . . . . .  public.steadytext_resume execute
+ + + + + + . . .  public.steadytext_retry execute
+ + + + + + . . .  public.steadytext_worker_status execute

+ + . . . . . . .  lantern create
+ + + + + + . . .  lantern usage
+ + + + + + . . .  lantern.tasks delete
+ + + + + + . . .  lantern.tasks insert (query, job_name)
+ + + + + + . . .  lantern.tasks lock-table
+ + + + + + . . .  lantern.tasks select (jobid, query, pg_cron_job_name, job_name, username, started_at, duration, status)
+ + + + + + . . .  lantern.tasks select (error_message)
+ + . . . . . . .  lantern.tasks *
+ + + + + + . . .  lantern.tasks_jobid_seq nextval
+ + + + + + . . .  lantern.tasks_jobid_seq currval
+ + . . . . . . .  lantern.tasks_jobid_seq *
+ + + + + + . . .  lantern.task_status select (jobid, job_name, username, state, reason, guarantee, queued_at, run_started_at)
+ + + + + + . . .  lantern.task_status select (finished_at, wait, run, attempt, worker, backend_pid, blocked_by, command_tag)
+ + + + + + . . .  lantern.task_status select (row_count, progress_phase, progress_percent, eta, error_message)
+ + . . . . . . .  lantern.task_status *

+ + + + + + . . .  lantern.async_task execute
+ + + + + + . . .  lantern.cancel_all_async_tasks execute
+ + + + + + . . .  lantern.cancel_async_task execute

+ + . . . . . . .  lamplighter create
+ + + + + + + + .  lamplighter usage
+ + . . . . . . .  lamplighter.autonomous_request *
+ + . . . . . . .  lamplighter.cached_result *
+ + . . . . . . .  lamplighter.claim *
+ + . . . . . . .  lamplighter.duty *
+ + . . . . . . .  lamplighter.abandoned_column *
+ + . . . . . . .  lamplighter.capture_full *
+ + . . . . . . .  lamplighter.change *
+ + . . . . . . .  lamplighter.embedding_batch *
+ + . . . . . . .  lamplighter.embedding_day *
+ + . . . . . . .  lamplighter.embedding_failure *
+ + . . . . . . .  lamplighter.embedding_job *
+ + . . . . . . .  lamplighter.embedding_progress *
+ + . . . . . . .  lamplighter.embedding_rate *
+ + . . . . . . .  lamplighter.embedding_index *
+ + . . . . . . .  lamplighter.metric_hour *
+ + . . . . . . .  lamplighter.metric_lane *
+ + . . . . . . .  lamplighter.metric_lane_id_seq *
+ + . . . . . . .  lamplighter.metric_minute *
+ + . . . . . . .  lamplighter.metric_cursor *
+ + . . . . . . .  lamplighter.metric_cancel *
+ + . . . . . . .  lamplighter.metric_source *
+ + . . . . . . .  lamplighter.metric_cancel_id_seq *
+ + . . . . . . .  lamplighter.embedding_stamp *
+ + . . . . . . .  lamplighter.embedding_job_id_seq *
+ + . . . . . . .  lamplighter.change_seq_seq *
+ + . . . . . . .  lamplighter.capture_full_id_seq *
+ + . . . . . . .  lamplighter.embedding_batch_id_seq *
+ + + + + + + . .  lamplighter.embedding_status select (job, job_id, schema_name, table_name, src_column, dst_column, model, former_model, dimensions)
+ + + + + + + . .  lamplighter.embedding_status select (state, reason, rows, embedded, stale, queued, failed, truncated)
+ + + + + + + . .  lamplighter.embedding_status select (dst_table, filter_column, chunks, chunk_size, chunk_overlap)
+ + + + + + + . .  lamplighter.embedding_status select (tokens, calls, rate, eta, lag, last_error, last_error_at, pass_number)
+ + + + + + + . .  lamplighter.embedding_status select (pass_rows, pass_percent, pass_started_at, pass_rate, full_pass_at, next_full_pass_at, served_by, served_at, registered_at, is_log_full)
+ + + + + + + . .  lamplighter.embedding_status select (index_state, index_name, index_percent, index_reason, warnings, is_exact)
+ + . . . . . . .  lamplighter.embedding_status *
+ + + + + + . . .  lamplighter.search_target select (job, job_id, state, model, dimensions, schema_name, table_name, table_oid, key_columns)
+ + + + + + . . .  lamplighter.search_target select (dst_column, chunk_table_oid, chunk_schema_name, chunk_table_name)
+ + . . . . . . .  lamplighter.search_target *
+ + + + + + + . .  lamplighter.embedding_failures select (job, job_id, schema_name, table_name, key, attempts, is_final, error)
+ + + + + + + . .  lamplighter.embedding_failures select (first_failed_at, last_failed_at)
+ + . . . . . . .  lamplighter.embedding_failures *
+ + + + + + + . .  lamplighter.embedding_usage select (job, job_id, model, day, texts, tokens, calls, truncated)
+ + . . . . . . .  lamplighter.embedding_usage *
+ + + + + + . . .  lamplighter.delivery select (delivery_id, handler_id, username, request_id, function_name, status)
+ + + + + + . . .  lamplighter.delivery select (ended_at, attempts, depth, due_at, run_id, error, failed_at)
+ + + + + + . . .  lamplighter.delivery update (attempts, failed_at)
+ + + + + + . . .  lamplighter.delivery lock-rows
+ + . . . . . . .  lamplighter.delivery *
+ + . . . . . . .  lamplighter.delivery_delivery_id_seq *
+ + + + + + . . .  lamplighter.handler select (handler_id, username, role_oid, function_schema, function_identity)
+ + + + + + . . .  lamplighter.handler select (takes_payload, function_name, search_path, registered_at, batch_size, is_dropped)
+ + + + + + . . .  lamplighter.handler insert (role_oid, function_schema, function_identity, takes_payload, function_name)
+ + + + + + . . .  lamplighter.handler insert (search_path)
+ + + + + + . . .  lamplighter.handler update (is_dropped)
+ + + + + + . . .  lamplighter.handler lock-rows
+ + . . . . . . .  lamplighter.handler *
+ + . . . . . . .  lamplighter.handler_handler_id_seq *
+ + + + + + . . .  lamplighter.handler_failures select (delivery_id, handler_id, handler, username, request_id)
+ + + + + + . . .  lamplighter.handler_failures select (function_name, status, attempts, error, failed_at)
+ + . . . . . . .  lamplighter.handler_failures *
+ + . . . . . . .  lamplighter.handler_chain *
+ + + + + + . . .  lamplighter.audit select (audit_id, at, username, user_name, source, action, kind, filter, count)
+ + + + + + . . .  lamplighter.audit insert (user_name, source, action, kind, filter, count)
+ + . . . . . . .  lamplighter.audit *
+ + . . . . . . .  lamplighter.audit_audit_id_seq *
+ + + + + + . . .  lamplighter.operation select (operation_id, username, role_oid, started_by, source, kind, action, filter)
+ + + + + + . . .  lamplighter.operation select (expected_count, scan_before, state, is_collected, is_stop_requested, matched, done)
+ + + + + + . . .  lamplighter.operation select (changed, gone, held, refused, failures, started_at, stepped_at, finished_at, error)
+ + + + + + . . .  lamplighter.operation insert (role_oid, started_by, source, kind, action, filter, expected_count, scan_before)
+ + + + + + . . .  lamplighter.operation update (is_stop_requested)
+ + + + + + . . .  lamplighter.operation lock-rows
+ + . . . . . . .  lamplighter.operation *
+ + . . . . . . .  lamplighter.operation_operation_id_seq *
+ + . . . . . . .  lamplighter.operation_chunk *
+ + . . . . . . .  lamplighter.operation_chunk_chunk_number_seq *
+ + + + + + . . .  lamplighter.find_request_floor execute
+ + + + + + . . .  lamplighter.find_task_floor execute
+ + + + + + + + .  lamplighter.list_processes execute
+ + + + + + . . .  lamplighter.scan_requests execute
+ + + + + + . . .  lamplighter.act_on_requests execute
+ + + + + + . . .  lamplighter.act_on_tasks execute
+ + + + + + . . .  lamplighter.enqueue_operation execute
+ + + + + + . . .  lamplighter.stop_operation execute
+ + . . . . + . .  lamplighter.step_operations execute
+ + . . . . + . .  lamplighter.retry_failures execute
+ + + + + + . . .  lamplighter.scan_tasks execute
+ + . . . . . . .  lamplighter.installation *
+ + . . . . . . .  lamplighter.loopback *
+ + . . . . + + .  lamplighter.migration select (applied_at, applied_by, checksum, name, number, schema_version)
+ + . . . . . . .  lamplighter.migration *
+ + . . . . + + .  lamplighter.routine select (applied_at, applied_by, arguments, audience, checksum, name, retired_in, schema_name, signature)
+ + . . . . . . .  lamplighter.routine *
+ + . . . . . . .  lamplighter.paused_function *
+ + . . . . . . .  lamplighter.pending_base *
+ + . . . . . . .  lamplighter.quarantine *
+ + . . . . . . .  lamplighter.setting *
+ + + + + + . . .  lamplighter.task_cancel insert (run_id)
+ + . . . . . . .  lamplighter.task_cancel *
+ + . . . . . . .  lamplighter.task_cancel_cancel_id_seq *
+ + . . . . . . .  lamplighter.task_outcome *
+ + + + + + . . .  lamplighter.task_run select (run_id, jobid, username, state, search_path)
+ + . . . . . . .  lamplighter.task_run *
+ + . . . . . . .  lamplighter.task_run_run_id_seq *
+ + . . . . . . .  lamplighter.task_worker *
+ + . . . . . . .  lamplighter.waiting *
+ + + + + + . . .  lamplighter.worker select (concurrency, failed, functions, hostname, in_flight, kind, last_heartbeat)
+ + + + + + . . .  lamplighter.worker select (lease_ms, pid, processed, started_at, status, version, worker_id)
+ + . . . . . . .  lamplighter.worker *

+ + . . . . . . .  lamplighter.admit_and_wake execute
+ + . . . . . . .  lamplighter.admit_so_far execute
+ + + + + + . . .  lamplighter.adopt_autonomous execute
+ + . . . . . . .  lamplighter.announce_completion execute
+ + . . . . + . .  lamplighter.announce_completions execute
+ + . . . . . . .  lamplighter.announce_payload execute
+ + . . . . . . .  lamplighter.announce_status execute
+ + . . . . . . .  lamplighter.autonomous_lock_key execute
+ + . . . . + . .  lamplighter.cancel_abandoned execute
+ + . . . . . . .  lamplighter.claim_duties execute
+ + . . . . . . .  lamplighter.claim_locked execute
+ + . . . . + . .  lamplighter.claim_quarantined execute
+ + . . . . + . .  lamplighter.claim_requests execute
+ + . . . . + . .  lamplighter.claim_requests_at_once execute
+ + . . . . + . .  lamplighter.claim_upkeep execute
+ + . . . . + . .  lamplighter.confirm_wake_up execute
+ + . . . . . . .  lamplighter.count_pending execute
+ + . . . . + . .  lamplighter.count_waiting execute
+ + . . . . + . .  lamplighter.declare_deaths execute
+ + . . . . . . .  lamplighter.describe_left_indexes execute
+ + . . . . + . .  lamplighter.effective_setting execute
+ + . . . . + . .  lamplighter.build_capture execute
+ + . . . . + . .  lamplighter.cancel_embedding_job execute
+ + . . . . + . .  lamplighter.claim_changes execute
+ + . . . . + . .  lamplighter.claim_embedding_job execute
+ + . . . . + . .  lamplighter.claim_pass execute
+ + . . . . + . .  lamplighter.claim_tokens execute
+ + . . . . + . .  lamplighter.drop_captures execute
+ + . . . . + . .  lamplighter.finish_embeddings execute
+ + . . . . + . .  lamplighter.list_changed_jobs execute
+ + . . . . + . .  lamplighter.list_surplus_stamps execute
+ + . . . . + . .  lamplighter.list_embedding_jobs execute
+ + + + + + + . .  lamplighter.list_refused_jobs execute
+ + . . . . + . .  lamplighter.isolate_batch execute
+ + . . . . . . .  lamplighter.list_invalid_indexes execute
+ + . . . . + . .  lamplighter.lookup_stamps execute
+ + . . . . . . .  lamplighter.read_capture_source execute
+ + . . . . + . .  lamplighter.read_pass execute
+ + . . . . + . .  lamplighter.reconcile_embeddings execute
+ + . . . . + . .  lamplighter.record_embedding_index execute
+ + . . . . + . .  lamplighter.prune_stamps execute
+ + . . . . + . .  lamplighter.record_job_state execute
+ + . . . . + . .  lamplighter.record_job_warnings execute
+ + . . . . + . .  lamplighter.record_page execute
+ + . . . . + . .  lamplighter.register_embedding_job execute
+ + . . . . + . .  lamplighter.release_batch execute
+ + . . . . + . .  lamplighter.remove_embedding_job execute
# For values of any type: the probe has none, which is not a matter of rights.
+ + + + + + + + .  lamplighter.render_key execute
+ + . . . . + . .  lamplighter.require_batch execute
+ + . . . . + . .  lamplighter.require_embedding_job execute
+ + . . . . + . .  lamplighter.rescue_batches execute
+ + . . . . + . .  lamplighter.retry_embeddings execute
+ + . . . . . . .  lamplighter.enqueue_autonomous execute
+ + + + + + . . .  lamplighter.enqueue_chunk execute
+ + + + + + . . .  lamplighter.enqueue_request execute
+ + + + + + . . .  lamplighter.enqueue_requests execute
+ + + + + + . . .  lamplighter.explain_lane execute
+ + . . . . . . .  lamplighter.explain_queue_limit execute
+ + + + + + . . .  lamplighter.explain_wait execute
+ + . . . . . . .  lamplighter.find_charged execute
+ + . . . . + . .  lamplighter.finish_requests execute
+ + . . . . . . .  lamplighter.grant_caller execute
+ + . . . . . . .  lamplighter.grant_functions execute
+ + . . . . . . .  lamplighter.grant_monitor execute
+ + . . . . . . .  lamplighter.grant_worker execute
+ + . . . . . . .  lamplighter.guard_parameters execute
+ + . . . . . . .  lamplighter.guard_request_insert execute
+ + . . . . . . .  lamplighter.guard_request_encoding execute
+ + . . . . . . .  lamplighter.guard_request_size execute
+ + . . . . . . .  lamplighter.guard_request_truncate execute
+ + . . . . . . .  lamplighter.guard_request_update execute
+ + . . . . . . .  lamplighter.guard_request_username execute
+ + . . . . . . .  lamplighter.is_own_schema execute
+ + + + + + . . .  lamplighter.is_own_write execute
+ + + + + + . . .  lamplighter.is_blank execute
+ + + + + + . . .  lamplighter.find_wait_end execute
+ + + + + + . . .  lamplighter.issue_id execute
+ + . . . . . . .  lamplighter.list_in_flight execute
+ + . . . . + . .  lamplighter.list_lost execute
+ + . . . . . . .  lamplighter.list_own_objects execute
+ + . . . . . . .  lamplighter.list_shared_names execute
+ + . . . . + . .  lamplighter.list_ready execute
+ + . . . . . + .  lamplighter.backlog execute
+ + . . . . . . .  lamplighter.highest_name execute
+ + . . . . . . .  lamplighter.list_unready execute
+ + . . . . . . .  lamplighter.measure_figures execute
+ + . . . . . . .  lamplighter.measure_lanes execute
+ + . . . . . . .  lamplighter.settle_hours execute
+ + + + + + + + .  lamplighter.list_metric_bounds execute
+ + . . . . + + .  lamplighter.read_figures execute
+ + + + + + . . .  lamplighter.read_own_figures execute
+ + . . . . + + .  lamplighter.read_series execute
+ + . . . . + . .  lamplighter.record_metrics execute
+ + . . . . + . .  lamplighter.measure_enqueued execute
+ + . . . . + . .  lamplighter.measure_waiting execute
+ + . . . . + . .  lamplighter.record_queued execute
+ + . . . . + . .  lamplighter.measure_cancelled execute
+ + . . . . + . .  lamplighter.compact_metrics execute
+ + . . . . + + .  lamplighter.read_health execute
+ + . . . . + + .  lamplighter.read_installation execute
+ + . . . . . . .  lamplighter.read_place execute
+ + . . . . . . .  lamplighter.note_installation execute
+ + . . . . . . .  lamplighter.require_metric_lane execute
+ + . . . . . . .  lamplighter.count_buckets execute
+ + + + + + + + .  lamplighter.list_pauses execute
+ + + + + + . . .  lamplighter.list_unreferenced execute
+ + + + + + . . .  lamplighter.list_waits execute
+ + + + + + . . .  lamplighter.read_waits execute
+ + + + + + . . .  lamplighter.find_unfinished_tasks execute
+ + . . . . + . .  lamplighter.list_host_processes execute
+ + . . . . + . .  lamplighter.list_workers execute
+ + . . . . + . .  lamplighter.lookup_cached_results execute
+ + . . . . . . .  lamplighter.measure_pending execute
+ + . . . . + . .  lamplighter.measure_queue execute
+ + + + + + . . .  lamplighter.model_or_default execute
+ + . . . . . . .  lamplighter.parse_setting execute
+ + . . . . + . .  lamplighter.promote_requests execute
+ + . . . . . . .  lamplighter.prune_after_truncate execute
+ + . . . . + . .  lamplighter.prune_cached_results execute
+ + . . . . . . .  lamplighter.prune_claims execute
+ + + + + + . . .  lamplighter.prune_listed execute
+ + . . . . . . .  lamplighter.prune_quarantine execute
+ + . . . . + . .  lamplighter.prune_requests execute
+ + . . . . + . .  lamplighter.prune_workers execute
+ + . . . . . . .  lamplighter.read_pending_bound execute
+ + . . . . + . .  lamplighter.record_server_settings execute
+ + . . . . . . .  lamplighter.record_stray execute
+ + . . . . + . .  lamplighter.register_worker execute
+ + . . . . + . .  lamplighter.renew_lease execute
+ + . . . . + . .  lamplighter.request_wake_up execute
+ + . . . . . . .  lamplighter.require_function execute
+ + + + + + . . .  lamplighter.require_generate_limits execute
+ + . . . . . . .  lamplighter.require_lease execute
+ + . . . . . . .  lamplighter.parse_troubles execute
+ + . . . . . . .  lamplighter.require_own_worker execute
+ + . . . . . . .  lamplighter.require_role execute
+ + + + + + . . .  lamplighter.require_pattern execute
+ + + + + + . . .  lamplighter.require_schema execute
+ + + + + + . . .  lamplighter.build_search execute
+ + + + + + . . .  lamplighter.find_search_target execute
+ + + + + + . . .  lamplighter.search execute
+ + + + + + . . .  lamplighter.search_by_vector execute
+ + + + + + . . .  lamplighter.require_text execute
+ + + + + + . . .  lamplighter.require_texts execute
+ + + + + + . . .  lamplighter.require_utf8 execute
+ + . . . . . . .  lamplighter.rescue_orphans execute
+ + . . . . + . .  lamplighter.rescue_requests execute
+ + . . . . . . .  lamplighter.revoke_role execute
+ + . . . . . . .  lamplighter.revoke_unasked execute
+ + + + + + . . .  lamplighter.send_autonomous execute
+ + . . . . . . .  lamplighter.set execute
+ + . . . . . . .  lamplighter.settle_inserted_request execute
+ + . . . . . . .  lamplighter.settle_request_defaults execute
+ + . . . . . . .  lamplighter.settle_request_status execute
+ + . . . . . . .  lamplighter.wake_workers execute
+ + . . . . . . .  lamplighter.cancel_task execute
+ + . . . . + . .  lamplighter.claim_tasks execute
+ + . . . . . . .  lamplighter.enqueue_task execute
+ + . . . . . . .  lamplighter.find_role execute
+ + . . . . . . .  lamplighter.finish_run execute
+ + . . . . + . .  lamplighter.finish_task execute
+ + . . . . . . .  lamplighter.guard_task_truncate execute
+ + . . . . . . .  lamplighter.is_task_backend_there execute
+ + . . . . . . .  lamplighter.is_task_session execute
+ + . . . . + . .  lamplighter.list_task_cancels execute
+ + + + + + . . .  lamplighter.mark_task_bare execute
+ + . . . . + . .  lamplighter.note_task_session execute
+ + . . . . . . .  lamplighter.project_task execute
+ + . . . . + . .  lamplighter.project_tasks execute
+ + . . . . . . .  lamplighter.prune_after_delete execute
+ + . . . . + . .  lamplighter.prune_tasks execute
+ + + + + + . . .  lamplighter.read_analyze_progress execute
+ + + + + + . . .  lamplighter.read_cluster_progress execute
+ + + + + + . . .  lamplighter.read_index_progress execute
+ + + + + + . . .  lamplighter.read_progress_part execute
+ + . . . . . . .  lamplighter.read_task_origin execute
+ + + + + + . . .  lamplighter.read_task_progress execute
+ + + + + + . . .  lamplighter.read_vacuum_progress execute
+ + + + + + . . .  lamplighter.record_task_outcome execute
+ + . . . . + . .  lamplighter.release_task execute
+ + + + + + . . .  lamplighter.require_task_role execute
+ + . . . . + . .  lamplighter.rescue_cancelled_tasks execute
+ + . . . . + . .  lamplighter.rescue_tasks execute
+ + . . . . + . .  lamplighter.set_task_reasons execute
+ + . . . . . . .  lamplighter.settle_inserted_task execute
+ + . . . . . . .  lamplighter.settle_lost_run execute
+ + . . . . + . .  lamplighter.settle_stray_tasks execute
+ + . . . . . . .  lamplighter.wake_task_workers execute
+ + . . . . + . .  lamplighter.enqueue_deliveries execute
+ + . . . . . . .  lamplighter.explain_depth execute
+ + . . . . . . .  lamplighter.fail_delivery execute
+ + + + + + . . .  lamplighter.finish_delivery execute
+ + . . . . . . .  lamplighter.is_delivery_session execute
+ + + + + + . . .  lamplighter.read_delivery execute
+ + . . . . . . .  lamplighter.record_deliveries execute
+ + . . . . . . .  lamplighter.record_delivery execute
+ + + + + + . . .  lamplighter.register_handler execute
+ + + + + + . . .  lamplighter.retry_delivery execute
+ + + + + + . . .  lamplighter.retry_task execute
+ + + + + + . . .  lamplighter.run_deliveries execute
+ + . . . . . . .  lamplighter.settle_deliveries execute
`;
