import type { PGlite } from '@electric-sql/pglite'
import type { TenantKeyStore } from 'countersign/envelope'

/**
 * Keeps the sealed keys of tenants in a table. Here it is in the database of the data, which is wrong wherever there are
 * backups: a backup of both brings a destroyed key back.
 */
export async function tenantKeyTable(db: PGlite): Promise<TenantKeyStore> {
  await db.exec('CREATE TABLE tenant_keys (tenant text PRIMARY KEY, sealed text NOT NULL)')
  return {
    async get(tenant) {
      const { rows } = await db.query<{ sealed: string }>('SELECT sealed FROM tenant_keys WHERE tenant = $1', [tenant])
      return rows[0]?.sealed
    },
    async add(tenant, text) {
      // One statement, so that of two who come at once one gets true.
      const { affectedRows } = await db.query('INSERT INTO tenant_keys VALUES ($1, $2) ON CONFLICT DO NOTHING', [
        tenant,
        text,
      ])
      return affectedRows === 1
    },
    async replace(tenant, text) {
      await db.query('INSERT INTO tenant_keys VALUES ($1, $2) ON CONFLICT (tenant) DO UPDATE SET sealed = $2', [
        tenant,
        text,
      ])
    },
  }
}
