-- Lets no worker claim requests of $1 function, or again where $2 is false. One row.
select case when $2::pg_catalog.bool then public.steadytext_pause($1::pg_catalog.text)::pg_catalog.text
         else public.steadytext_resume($1::pg_catalog.text)::pg_catalog.text end as is_done
