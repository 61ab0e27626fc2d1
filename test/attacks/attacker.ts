import { type Cast, createCast } from '../roles/cast.ts';

export interface Scene extends Cast {
  /** E.g. 180001. */
  readonly serverVersion: number;
  /** Everything in the catalog that says what the product's objects are, who owns them and who may use them. */
  describeProduct(): Promise<string>;
}

/** Those who attack: a caller, a worker's login, and a role that was granted nothing. */
export const ATTACKERS = ['a', 'worker', 'stranger'] as const;

/**
 * A database in which the attackers may create what they like: in `public`, as every role may on PostgreSQL 14, in schemas of their
 * own, and temporary tables. `own_a`, `own_worker` and `own_stranger` are theirs.
 */
export async function createScene(): Promise<Scene> {
  const cast = await createCast();
  const { database, names } = cast;
  for (const role of ATTACKERS) {
    await database.pool.query(`
      grant create on schema public to ${names[role]};
      grant create, temporary on database ${database.name} to ${names[role]};
      create schema own_${role} authorization ${names[role]};
      grant usage on schema own_${role} to public`);
  }
  const { rows } = await database.pool.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  return {
    ...cast,
    serverVersion: rows[0]?.version ?? 0,
    async describeProduct() {
      const product = await database.pool.query<{ description: string }>(DESCRIBE_PRODUCT);
      return product.rows.map(({ description }) => description).join('\n');
    },
  };
}

const DESCRIBE_PRODUCT = `
  with relation as (
    select c.* from pg_class as c
    where c.relnamespace = 'lamplighter'::regnamespace
       or (c.relnamespace = 'public'::regnamespace and c.relname like 'steadytext%')
  )
  select description
  from (
    select to_jsonb(r) - array['relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid'] from relation as r
    union all
    select to_jsonb(a) from pg_attribute as a where a.attrelid in (select oid from relation)
    union all
    select to_jsonb(d) from pg_attrdef as d where d.adrelid in (select oid from relation)
    union all
    select to_jsonb(t) from pg_trigger as t where t.tgrelid in (select oid from relation)
    union all
    select to_jsonb(p) from pg_policy as p where p.polrelid in (select oid from relation)
    union all
    select to_jsonb(w) from pg_rewrite as w where w.ev_class in (select oid from relation)
    union all
    select to_jsonb(n) from pg_constraint as n where n.conrelid in (select oid from relation) or n.confrelid in (select oid from relation)
    union all
    select to_jsonb(i) from pg_inherits as i where i.inhparent in (select oid from relation)
    union all
    select to_jsonb(s) from pg_sequence as s where s.seqrelid in (select oid from relation)
    union all
    select to_jsonb(e) from pg_statistic_ext as e where e.stxrelid in (select oid from relation)
    union all
    select to_jsonb(u) from pg_publication_rel as u where u.prrelid in (select oid from relation)
    union all
    select to_jsonb(f) from pg_proc as f
    where f.pronamespace = 'lamplighter'::regnamespace or (f.pronamespace = 'public'::regnamespace and f.proname like 'steadytext%')
    union all
    select to_jsonb(s) from pg_namespace as s where s.nspname in ('lamplighter', 'public')
    union all
    select to_jsonb(m) - 'oid' from pg_auth_members as m where m.member in (select oid from pg_roles where rolname = any (
      select grantee::regrole::text from relation cross join aclexplode(relacl)))
  ) as part (description)
  order by description::text`;
