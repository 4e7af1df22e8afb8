// Lists a tenant's agents with fastify, pg and RLS.
//
//   DATABASE_URL=postgres://… PORT=8082 POOL=8 node server.cjs
const { createHash } = require('node:crypto')
const fastify = require('fastify')
const { Pool, types } = require('pg')

// A Date has milliseconds, but the API has microseconds, so timestamps stay text.
types.setTypeParser(types.builtins.TIMESTAMPTZ, (text) => text)

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: Number(process.env.POOL) })
const authenticate = {
  name: 'authenticate',
  text: `SELECT t.status = 'active' AND session_role($1, t.id) IS NOT NULL AS may
    FROM portal_sessions s JOIN portal_users u ON u.id = s.user_id JOIN tenants t ON t.id = $3
    WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND u.disabled_at IS NULL`
}
const setTenant = { name: 'set_tenant', text: "SELECT set_config('app.current_tenant', $1, true)" }
const list = {
  name: 'list',
  text: `SELECT id, tenant_id, name, role, model_preference, is_active, created_at, updated_at
    FROM agents WHERE tenant_id = $1 ORDER BY id LIMIT $2`
}

const string = { type: 'string' }
const item = {
  type: 'object',
  properties: {
    id: string, tenant_id: string, name: string, role: string, model_preference: string,
    is_active: { type: 'boolean' }, created_at: string, updated_at: string, etag: string
  }
}
const schema = {
  params: { type: 'object', properties: { tenant: { type: 'string', format: 'uuid' } } },
  querystring: { type: 'object', properties: { limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 } } },
  response: {
    200: { type: 'object', properties: { items: { type: 'array', items: item }, next_cursor: string } }
  }
}

async function inTenant (tenant, run) {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query({ ...setTenant, values: [tenant] })
    const result = await run(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

// Converts '2026-01-02 03:04:05.6+00' to RFC 3339. The ETag is updated_at's microseconds in base 36.
function view (row) {
  const rfc3339 = (text) => text.replace(' ', 'T').replace('+00', 'Z')
  const [, seconds, , fraction = ''] = /^(.*?)(\.(\d+))?\+00$/.exec(row.updated_at)
  const micros = BigInt(Date.parse(seconds + 'Z')) * 1000n + BigInt(fraction.padEnd(6, '0'))
  return {
    ...row, created_at: rfc3339(row.created_at), updated_at: rfc3339(row.updated_at), etag: `"${micros.toString(36)}"`
  }
}

const app = fastify()
app.get('/v1/tenants/:tenant/agents', { schema }, async (request, reply) => {
  const { tenant } = request.params
  const { limit } = request.query
  const hash = createHash('sha256').update(request.headers.authorization.replace(/^Bearer /, '')).digest('hex')
  const session = await pool.query({ ...authenticate, values: [hash, new Date(), tenant] })
  if (!session.rows[0]?.may) return reply.code(401).send()
  const { rows } = await inTenant(tenant, (client) => client.query({ ...list, values: [tenant, limit + 1] }))
  return {
    items: rows.slice(0, limit).map(view),
    ...(rows.length > limit && { next_cursor: rows[limit - 1].id })
  }
})
app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
