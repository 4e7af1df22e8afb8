-- Who is a member of those roles, and what they are members of. Before 16 a grant had no options of its own: every
-- member could SET ROLE, and inherited when its role said so.
SELECT g.rolname AS role,
       r.rolname AS member,
       w.rolname AS grantor,
       coalesce((to_jsonb(m) ->> 'set_option')::bool, true) AS can_set,
       coalesce((to_jsonb(m) ->> 'inherit_option')::bool, r.rolinherit) AS inherits
  FROM pg_auth_members AS m
  JOIN pg_roles AS g ON g.oid = m.roleid
  JOIN pg_roles AS r ON r.oid = m.member
  LEFT JOIN pg_roles AS w ON w.oid = m.grantor
 WHERE g.rolname = ANY ($3::text[]) OR r.rolname = ANY ($3)
