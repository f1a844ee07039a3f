export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly servedBy: 'produce' | 'fetch' | 'rebalance' | 'admin'
}

/**
 * The routes of the API. All else goes to the admin function too, which answers what is wrong with it, so that a
 * client gets the same errors here as from any other broker.
 */
export const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/topics/{topic}/records', servedBy: 'produce' },
  { method: 'GET', path: '/topics/{topic}/partitions/{partition}/records', servedBy: 'fetch' },
  { method: 'POST', path: '/fetch', servedBy: 'fetch' },
  { method: 'POST', path: '/topics/{topic}/fetch', servedBy: 'fetch' },
  { method: 'GET', path: '/topics/{topic}/partitions/{partition}/offsets', servedBy: 'fetch' },
  { method: 'DELETE', path: '/topics/{topic}/partitions/{partition}/records', servedBy: 'admin' },
  { method: 'GET', path: '/topics', servedBy: 'admin' },
  { method: 'POST', path: '/topics', servedBy: 'admin' },
  { method: 'GET', path: '/topics/{topic}', servedBy: 'admin' },
  { method: 'PATCH', path: '/topics/{topic}', servedBy: 'admin' },
  { method: 'DELETE', path: '/topics/{topic}', servedBy: 'admin' },
  { method: 'POST', path: '/groups/{groupId}/heartbeat', servedBy: 'rebalance' },
  { method: 'DELETE', path: '/groups/{groupId}/members/{memberId}', servedBy: 'rebalance' },
  { method: 'POST', path: '/groups/{groupId}/offsets', servedBy: 'rebalance' },
  { method: 'GET', path: '/groups/{groupId}/offsets', servedBy: 'rebalance' },
  { method: 'GET', path: '/groups', servedBy: 'rebalance' },
  { method: 'GET', path: '/groups/{groupId}', servedBy: 'rebalance' },
  { method: 'DELETE', path: '/groups/{groupId}', servedBy: 'rebalance' },
  { method: 'GET', path: '/transactions', servedBy: 'rebalance' },
  { method: 'GET', path: '/transactions/{transactionalId}', servedBy: 'rebalance' },
  { method: 'DELETE', path: '/transactions/{transactionalId}', servedBy: 'rebalance' },
  { method: 'POST', path: '/transactions/{transactionalId}', servedBy: 'rebalance' },
  { method: 'POST', path: '/transactions/{transactionalId}/partitions', servedBy: 'rebalance' },
  { method: 'POST', path: '/transactions/{transactionalId}/batches', servedBy: 'rebalance' },
  { method: 'POST', path: '/transactions/{transactionalId}/offsets', servedBy: 'rebalance' },
  { method: 'POST', path: '/transactions/{transactionalId}/end', servedBy: 'rebalance' },
  { method: 'GET', path: '/triggers', servedBy: 'rebalance' },
  { method: 'POST', path: '/groups/{groupId}/triggers/{topic}/pause', servedBy: 'rebalance' },
  { method: 'POST', path: '/groups/{groupId}/triggers/{topic}/resume', servedBy: 'rebalance' },
  { method: 'DELETE', path: '/groups/{groupId}/triggers/{topic}', servedBy: 'rebalance' },
  { method: 'GET', path: '/health', servedBy: 'admin' },
  { method: 'GET', path: '/openapi.json', servedBy: 'admin' },
]

/** What a producer of one topic calls: `METHOD/path`. It describes the topic to learn how many partitions it has. */
export function produceCalls(topic: string): string[] {
  return [`POST/topics/${topic}/records`, `GET/topics/${topic}`]
}

/** Not POST/fetch, which reads any topic: a client that is refused it asks for one topic at a time. */
export function consumeCalls(topic: string): string[] {
  return [
    `GET/topics/${topic}/partitions/*/records`,
    `POST/topics/${topic}/fetch`,
    `GET/topics/${topic}/partitions/*/offsets`,
    `GET/topics/${topic}`,
  ]
}

/** What the members of a group call, beside reading its topics. */
export function groupCalls(groupId: string): string[] {
  return [
    `POST/groups/${groupId}/heartbeat`,
    `DELETE/groups/${groupId}/members/*`,
    `POST/groups/${groupId}/offsets`,
    `GET/groups/${groupId}/offsets`,
  ]
}

/**
 * What a producer with a transactional id calls. What it may write to and which groups' offsets it may commit says nothing of this: a
 * transaction names them in its body. It describes its topics, too, which is a producer's call: GET/topics/* would be to read them all.
 */
export function transactionCalls(transactionalId: string): string[] {
  return [`POST/transactions/${transactionalId}`, `POST/transactions/${transactionalId}/*`]
}

/** What somebody calls who alters or deletes one topic, or deletes its records. */
export function topicAdminCalls(topic: string): string[] {
  return [
    `GET/topics/${topic}`,
    `PATCH/topics/${topic}`,
    `DELETE/topics/${topic}`,
    `DELETE/topics/${topic}/partitions/*/records`,
  ]
}

/** The same for all topics, and creating and listing them, and all about groups, triggers and transactions. In IAM a * spans slashes, so GET includes reading. */
export const ADMIN_CALLS: readonly string[] = [
  'GET/topics',
  'POST/topics',
  'GET/topics/*',
  'POST/topics/*/fetch',
  'POST/fetch',
  'PATCH/topics/*',
  'DELETE/topics/*',
  'GET/groups',
  'GET/groups/*',
  'POST/groups/*',
  'DELETE/groups/*',
  'GET/triggers',
  'GET/transactions',
  'GET/transactions/*',
  'DELETE/transactions/*',
]
