/** The structured type of a field. */
export type FieldType = 'item' | 'list' | 'dictionary'

/** The types of fields, by name in lower case. */
export type FieldTypes = ReadonlyMap<string, FieldType>

const named = (type: FieldType, names: string): [string, FieldType][] => names.split(' ').map((name) => [name, type])

/** Fields whose definition makes them structured (the HTTP field name registry). */
export const KNOWN_TYPES: FieldTypes = new Map([
  ...named(
    'dictionary',
    'accept-signature cdn-cache-control content-digest priority repr-digest signature signature-input ' +
      'want-content-digest want-repr-digest',
  ),
  ...named('list', 'accept-ch cache-status client-cert-chain proxy-status'),
  ...named(
    'item',
    'capsule-protocol client-cert content-envelope cross-origin-embedder-policy cross-origin-opener-policy ' +
      'origin-agent-cluster',
  ),
])
