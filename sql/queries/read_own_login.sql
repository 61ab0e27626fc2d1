-- As whom, and to which database, this session is logged in. One row.
select session_user::text as role, pg_catalog.current_database()::text as database
